"""A browser's side of HTTP and WebSocket, without its manners: requests as they are, and a socket whose bytes travel in messages, to be
given to wire.Client as `secure`."""
import base64
import hashlib
import os
import socket
import struct

from tap import expect, expect_equal

CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'


class Answer:
    def __init__(self, head, body=b''):
        first, *lines = head.decode('latin-1').split('\r\n')
        self.status = int(first.split()[1])
        self.fields = {name.lower(): value for name, value in (line.split(': ', 1) for line in lines)}
        self.body = body


class Asker:
    """One connection that asks by HTTP."""

    def __init__(self, port, secure=None, timeout=10.0, source=None):
        self.socket = socket.create_connection(('127.0.0.1', port), timeout=timeout, source_address=(source, 0) if source else None)
        if secure:
            self.socket = secure(self.socket)
        self.buffer = b''

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, text):
        self.socket.sendall(text if isinstance(text, bytes) else text.encode())

    def more(self):
        try:
            got = self.socket.recv(65536)
        except ConnectionResetError:
            got = b''
        self.buffer += got
        return bool(got)

    def answer(self, head_only=False):
        while b'\r\n\r\n' not in self.buffer:
            expect(self.more(), f'an answer, not {self.buffer!r} and the end')
        head, self.buffer = self.buffer.split(b'\r\n\r\n', 1)
        answer = Answer(head)
        size = 0 if head_only or answer.status in (101, 304) else int(answer.fields['content-length'])
        while len(self.buffer) < size:
            expect(self.more(), 'a whole body')
        answer.body, self.buffer = self.buffer[:size], self.buffer[size:]
        return answer

    def ask(self, path, method='GET', **fields):
        lines = ''.join(f'{name.replace("_", "-")}: {value}\r\n' for name, value in ({'Host': 'localhost'} | fields).items())
        self.send(f'{method} {path} HTTP/1.1\r\n{lines}\r\n')
        return self.answer(method == 'HEAD')

    def ended(self):
        """Whether the server has ended it, and said nothing more."""
        return not self.more() and not self.buffer


def upgrade(asker, key=None, **fields):
    key = key or base64.b64encode(os.urandom(16)).decode()
    answer = asker.ask('/ws', **({'Connection': 'keep-alive, Upgrade', 'Upgrade': 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': key}
                                 | fields))
    if answer.status == 101:
        expect_equal(answer.fields['sec-websocket-accept'], base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode(), 'accept')
    return answer


class Ended(Exception):
    """The server closed with a code."""


class WebSocket:
    """A socket whose bytes travel in binary messages. step: bytes of a frame at most; larger messages go in several."""

    def __init__(self, plain, step=1 << 20):
        self.asker = Asker.__new__(Asker)
        self.asker.socket, self.asker.buffer = plain, b''
        self.step, self.plain, self.pongs, self.code = step, b'', [], None
        answer = upgrade(self.asker)
        expect_equal(answer.status, 101, 'answer to the upgrade')

    def settimeout(self, seconds):
        self.asker.socket.settimeout(seconds)

    def close(self):
        self.asker.socket.close()

    def send_frame(self, first, data=b'', masked=True):
        size = len(data)
        head = bytes([first, (0x80 if masked else 0) | (size if size < 126 else 126 if size < 65536 else 127)])
        head += b'' if size < 126 else struct.pack('>H', size) if size < 65536 else struct.pack('>Q', size)
        if masked:
            mask = os.urandom(4)
            stream = (mask * (size // 4 + 1))[:size]
            data = mask + (int.from_bytes(data, 'big') ^ int.from_bytes(stream, 'big')).to_bytes(size, 'big')
        self.asker.send(head + data)

    def sendall(self, data):
        parts = [data[at:at + self.step] for at in range(0, len(data), self.step)]
        for number, part in enumerate(parts):
            self.send_frame((CONTINUED if number else BINARY) | (0x80 if number == len(parts) - 1 else 0), part)

    def read_frame(self):
        """(first byte, payload) of the next frame; None at the end."""
        def have(size):
            while len(self.asker.buffer) < size:
                if not self.asker.more():
                    return False
            return True
        if not have(2):
            return None
        first, size = self.asker.buffer[:2]
        expect(size < 128, 'a server masks nothing')
        head = 2 + (2 if size == 126 else 8 if size == 127 else 0)
        expect(have(head), 'a whole head')
        if head > 2:
            size = int.from_bytes(self.asker.buffer[2:head], 'big')
        expect(have(head + size), 'a whole frame')
        data, self.asker.buffer = self.asker.buffer[head:head + size], self.asker.buffer[head + size:]
        return first, data

    def recv(self, room):
        while not self.plain:
            frame = self.read_frame()
            if frame is None:
                return b''
            first, data = frame
            expect(self.code is None, 'nothing after the close')
            if first == 0x80 | BINARY:
                self.plain = data
            elif first == 0x80 | PONG:
                self.pongs.append(data)
            else:
                expect_equal(first, 0x80 | CLOSE, 'first byte')
                self.code = int.from_bytes(data[:2], 'big')
        data, self.plain = self.plain[:room], self.plain[room:]
        return data

    def until_closed(self):
        """The code with which the server closes, once the connection has ended."""
        while self.recv(65536):
            pass
        return self.code
