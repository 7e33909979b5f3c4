"""Real terminals for galka: panes of a tmux server of our own, what is typed into them and what is seen on them."""
import os
import re
import shlex
import subprocess
import time

from tap import expect

SETTLE = 0.05


class Terminal:
    """One pane. The program runs under a shell, which says with what code it ended and how it left the terminal."""

    def __init__(self, tmux, name, arguments, environment, rows, columns):
        self.tmux, self.name = tmux, name
        words = ' '.join(shlex.quote(word) for word in arguments)
        # Its own environment alone: tmux adds TERM, which the test may want to be another.
        variables = ' '.join(shlex.quote(f'{key}={value}') for key, value in environment.items())
        # A shell with jobs, so that the program can be stopped; afterwards it does what is typed.
        script = (f'set -m; {words}; echo "ended with $?"; stty -a; '
                  'while read -r line; do eval "$line"; echo "ended again with $?"; done; exec sleep 1000')
        tmux.run('new-session', '-d', '-s', name, '-x', columns, '-y', rows, f'exec env -i {variables} sh -c {shlex.quote(script)}')
        tmux.run('set-option', '-t', name, 'status', 'off')
        tmux.run('resize-window', '-t', name, '-x', columns, '-y', rows)

    def keys(self, *names):
        """Keys by tmux's names: Enter, C-k, M-Down, F1."""
        self.tmux.run('send-keys', '-t', self.name, *names)

    def type(self, text):
        self.tmux.run('send-keys', '-t', self.name, '-l', text)

    def paste(self, text):
        """As a terminal pastes: between brackets, if the program asked for them."""
        self.tmux.run('set-buffer', '-b', 'paste', text)
        self.tmux.run('paste-buffer', '-p', '-b', 'paste', '-t', self.name)

    def resize(self, rows, columns):
        self.tmux.run('resize-window', '-t', self.name, '-x', columns, '-y', rows)

    def text(self):
        return self.tmux.run('capture-pane', '-p', '-t', self.name)

    def coloured(self):
        """The same with the sequences of colours, spaces at the ends of lines kept."""
        return self.tmux.run('capture-pane', '-N', '-e', '-p', '-t', self.name)

    def line_with(self, text):
        found = [line for line in self.text().split('\n') if text in line]
        return found[-1] if found else None

    def style_before(self, text):
        """The colours and attributes in force where the text stands (the last time), as tmux writes them; empty without it."""
        screen = self.coloured()
        at = max(screen.rfind(text), 0)
        state = []
        for found in re.finditer(r'\033\[([0-9;]*)m', screen[:at]):
            state = [] if found[1] in ('', '0') else state + [found[1]]
        return ';'.join(state)

    def see(self, what, seconds=15.0):
        """Waits until a text is on the screen (or a function of the screen is true)."""
        end = time.monotonic() + seconds
        while not (what(self) if callable(what) else what in self.text()):
            expect(time.monotonic() < end, f'{what}: not seen within {seconds} s; the screen shows\n{self.text()}')
            time.sleep(SETTLE)

    def see_no(self, text, seconds=15.0):
        self.see(lambda screen: text not in screen.text(), seconds)

    def program(self):
        """The process id of the program under the shell."""
        shell = self.tmux.run('display-message', '-p', '-t', self.name, '#{pane_pid}').strip()
        with open(f'/proc/{shell}/task/{shell}/children', encoding='ascii') as children:
            return int(children.read().split()[0])

    def end(self):
        self.tmux.run('kill-session', '-t', self.name, check=False)


class Tmux:
    def __init__(self, folder):
        self.socket = os.path.join(folder, 'tmux')
        self.terminals = []
        # tmux refuses a socket's path that is longer than the system's limit (108).
        expect(len(self.socket) < 100, f'the path of the socket is short: {self.socket}')
        self.run('new-session', '-d', '-s', 'keeper', 'exec sleep 100000')  # a server without sessions ends

    def run(self, *arguments, check=True):
        done = subprocess.run(['tmux', '-S', self.socket, '-f', '/dev/null', '-u', *map(str, arguments)], capture_output=True, text=True,
                              check=False, env={'PATH': os.environ['PATH'], 'LC_ALL': 'C.UTF-8', 'TERM': 'xterm-256color'}, timeout=30)
        expect(not check or done.returncode == 0, f'tmux {arguments}: {done.stderr}')
        return done.stdout

    def start(self, name, arguments, environment, rows=24, columns=80):
        terminal = Terminal(self, name, arguments, environment, rows, columns)
        self.terminals.append(terminal)
        return terminal

    def end_terminals(self):
        for terminal in self.terminals:
            terminal.end()
        self.terminals.clear()

    def end(self):
        self.run('kill-server', check=False)
