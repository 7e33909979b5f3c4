"""A small terminal on a pty: enough of a VT100 to see what a person sees of galka chat, with the colour of every character."""
import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

from tap import expect


class Screen:
    def __init__(self, arguments, environment, rows=24, columns=80):
        self.rows, self.columns = rows, columns
        self.cells = [[(' ', '')] * columns for _ in range(rows)]
        self.row = self.column = 0
        self.colour = ''
        self.pending = ''
        self.decoder = codecs.getincrementaldecoder('utf-8')('replace')
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(arguments[0], arguments, environment)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
        self.code = None

    # ---- what a person does and sees ----

    def type(self, text):
        os.write(self.fd, text.encode())

    def text(self):
        return '\n'.join(''.join(char for char, _ in row).rstrip() for row in self.cells).rstrip('\n')

    def line_with(self, text):
        """The last line on the screen that contains the text, as (row number, line); None without one."""
        lines = self.text().split('\n')
        for number in range(len(lines) - 1, -1, -1):
            if text in lines[number]:
                return number, lines[number]
        return None

    def shows(self, text, begin, colour=None):
        """Does the last line with the text begin like that (and in that colour)?"""
        found = self.line_with(text)
        return (found is not None and found[1].startswith(begin)
                and (colour is None or self.colours_of(found[0], len(begin.rstrip())) == {colour}))

    def colours_of(self, row, columns):
        return {self.cells[row][column][1] for column in range(columns)}

    def wait_for(self, condition, what, seconds=15.0):
        """Reads the program's output until condition(self) is true."""
        end = time.monotonic() + seconds
        while not condition(self):
            expect(time.monotonic() < end, f'{what}: not within {seconds} s; the screen shows\n{self.text()}')
            if not self.turn(0.1) and not condition(self):
                expect(False, f'{what}: the program ended; the screen shows\n{self.text()}')

    def turn(self, seconds):
        """Takes what comes within that time. False at the program's end."""
        ready, _, _ = select.select([self.fd], [], [], seconds)
        if not ready:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.feed(self.decoder.decode(data))
        return bool(data)

    def resize(self, rows, columns):
        """Like a terminal whose window changes: what is on it stays at its top left."""
        self.cells = [(row + [(' ', '')] * columns)[:columns] for row in self.cells[-rows:]]
        self.cells += [[(' ', '')] * columns for _ in range(rows - len(self.cells))]
        self.row, self.column = min(self.row, rows - 1), min(self.column, columns - 1)
        self.rows, self.columns = rows, columns
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))

    def finish(self, seconds=10.0):
        """Waits for the program's end. Returns its exit code."""
        end = time.monotonic() + seconds
        while self.turn(0.1) and time.monotonic() < end:
            pass
        if time.monotonic() >= end:
            os.kill(self.pid, signal.SIGKILL)
        return self.reap()

    def reap(self):
        if self.code is None:
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            os.close(self.fd)
        return self.code

    def end(self):
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            self.reap()

    # ---- the terminal itself ----

    def feed(self, text):
        self.pending += text
        while self.pending:
            if self.pending[0] != '\033':
                self.put(self.pending[0])
                self.pending = self.pending[1:]
                continue
            found = re.match(r'\033\[([?0-9;]*)([@-~])', self.pending)
            if not found:
                expect(len(self.pending) < 16, f'an escape sequence that nobody knows: {self.pending[:16]!r}')
                return
            self.control(found[1], found[2])
            self.pending = self.pending[found.end():]

    def put(self, char):
        if char == '\r':
            self.column = 0
        elif char == '\n':
            self.down()
        elif char == '\b':
            self.column = max(0, self.column - 1)
        elif char >= ' ':
            if self.column == self.columns:
                self.column = 0
                self.down()
            self.cells[self.row][self.column] = (char, self.colour)
            self.column += 1

    def down(self):
        if self.row == self.rows - 1:
            self.cells = self.cells[1:] + [[(' ', '')] * self.columns]
        else:
            self.row += 1

    def control(self, parameters, letter):
        number = int(parameters) if parameters.isdigit() else 1
        if letter == 'A':
            self.row = max(0, self.row - number)
        elif letter == 'B':
            self.row = min(self.rows - 1, self.row + number)
        elif letter == 'C':
            self.column = min(self.columns - 1, self.column + number)
        elif letter == 'D':
            self.column = max(0, self.column - number)
        elif letter == 'K':
            self.cells[self.row][self.column:] = [(' ', '')] * (self.columns - self.column)
        elif letter == 'J':
            self.control('', 'K')
            for row in range(self.row + 1, self.rows):
                self.cells[row] = [(' ', '')] * self.columns
        elif letter == 'm':
            self.colour = '' if parameters in ('', '0') else parameters
        else:
            expect(parameters.startswith('?') and letter in 'hl', f'an escape sequence that nobody knows: {parameters}{letter}')
