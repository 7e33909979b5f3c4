"""Frames and bodies for a client without manners: everything comes from docs/galka.proto and base/errors.def, which come from
(or are) the one definition, so that nothing here can disagree with it. Only the standard library is needed.
"""
import os
import re
import socket
import struct
import time

HEADER_SIZES = {'request': 16, 'token': 40, 'device': 8, 'room': 16}
VARINT, FIX64, BYTES = 0, 1, 2
WIRE_TYPES = {'uint64': VARINT, 'fixed64': FIX64}


class Definition:
    """Codes, headers, messages and errors."""

    def __init__(self, root):
        self.codes, self.names, self.headers, self.fields, self.errors = {}, {}, {}, {}, {}
        self._read_proto(os.path.join(root, 'docs/galka.proto'))
        with open(os.path.join(root, 'src/base/errors.def'), encoding='utf-8') as lines:
            for line in lines:
                if found := re.match(r'X\((\w+),\s*(\d+),', line):
                    self.errors[found[1]] = int(found[2])

    def _read_proto(self, path):
        message = None
        with open(path, encoding='utf-8') as lines:
            for line in lines:
                if found := re.match(r'  CODE_(\w+) = 0x(\w+);  // \w+; header: (.*)', line):
                    name, code = found[1].lower(), int(found[2], 16)
                    self.codes[name], self.names[code] = code, name
                    self.headers[name] = [] if found[3] == '-' else found[3].strip().split(', ')
                elif found := re.match(r'message (\w+) {', line):
                    message = re.sub(r'(?<!^)([A-Z])', r'_\1', found[1]).lower()
                    self.fields[message] = {}
                elif found := re.match(r'  (optional|repeated) (\w+) (\w+) = (\d+);', line):
                    self.fields[message][found[3]] = (int(found[4]), found[2], found[1] == 'repeated')

    def encode(self, message, values):
        out = b''
        for name, value in values.items():
            tag, kind, repeated = self.fields[message][name]
            for one in value if repeated else [value]:
                out += self._encode_field(tag, kind, one)
        return out

    def _encode_field(self, tag, kind, value):
        wire_type = WIRE_TYPES.get(kind, BYTES)
        key = varint(tag << 3 | wire_type)
        if wire_type == VARINT:
            return key + varint(value)
        if wire_type == FIX64:
            return key + struct.pack('<Q', value)
        if kind not in ('bytes', 'string'):
            value = self.encode(re.sub(r'(?<!^)([A-Z])', r'_\1', kind).lower(), value)
        elif isinstance(value, str):
            value = value.encode()
        return key + varint(len(value)) + value

    def decode(self, message, data):
        """{field: value}; what is absent is not there, repeated fields are lists."""
        values, at = {}, 0
        by_tag = {tag: (name, kind, repeated) for name, (tag, kind, repeated) in self.fields[message].items()}
        while at < len(data):
            key, at = read_varint(data, at)
            if key & 7 == VARINT:
                value, at = read_varint(data, at)
            elif key & 7 == FIX64:
                value, at = struct.unpack_from('<Q', data, at)[0], at + 8
            else:
                size, at = read_varint(data, at)
                value, at = data[at:at + size], at + size
            if key >> 3 not in by_tag:
                continue
            name, kind, repeated = by_tag[key >> 3]
            if kind == 'string':
                value = value.decode()
            elif kind not in ('bytes', 'uint64', 'fixed64'):
                value = self.decode(re.sub(r'(?<!^)([A-Z])', r'_\1', kind).lower(), value)
            if repeated:
                values.setdefault(name, []).append(value)
            else:
                values[name] = value
        return values

    def frame(self, name, body, **header):
        """A whole frame. body: bytes or a dictionary. Header fields that the code has and that are not given are zero."""
        data = bytes([self.codes[name]])
        for field in self.headers[name]:
            value = header.get(field, bytes(HEADER_SIZES[field]))
            data += struct.pack('>Q', value) if isinstance(value, int) else value
        data += body if isinstance(body, bytes) else self.encode(name, body)
        return struct.pack('>I', len(data)) + data


def varint(number):
    out = b''
    while number >= 0x80:
        out += bytes([number & 0x7f | 0x80])
        number >>= 7
    return out + bytes([number])


def read_varint(data, at):
    number = shift = 0
    while True:
        number |= (data[at] & 0x7f) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return number, at


def new_id():
    """A UUIDv7."""
    value = int(time.time() * 1000) << 80 | 7 << 76 | int.from_bytes(os.urandom(10), 'big') >> 4 & (1 << 76) - 1
    value = value & ~(3 << 62) | 2 << 62
    return value.to_bytes(16, 'big')


def personal_room(a, b):
    """PROTOCOL, "Rooms": two 63-bit user ids in order, the variant bits 11 between them."""
    low, high = min(a, b), max(a, b)
    return struct.pack('>QQ', low << 1 | high >> 62, 3 << 62 | high & (1 << 62) - 1)


class Closed(Exception):
    """The server closed the connection."""


class Frame:
    def __init__(self, definition, data):
        self.name = definition.names[data[0]]
        self.header, at = {}, 1
        for field in definition.headers[self.name]:
            self.header[field] = data[at:at + HEADER_SIZES[field]]
            at += HEADER_SIZES[field]
        self.body = definition.decode(self.name, data[at:])

    def __repr__(self):
        return f'{self.name} {self.body}'


class Client:
    """One connection, driven by hand."""

    def __init__(self, definition, port, receive_buffer=None, timeout=10.0, source=None, first=b'', secure=None):
        """first: what is said before all else, as a balancer does; secure: makes a socket one that speaks TLS."""
        self.definition = definition
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect(('127.0.0.1', port))
        if first:
            self.socket.sendall(first)
        if secure:
            self.socket = secure(self.socket)
        self.buffer = b''
        self.user = None  # a User, once joined
        self.token = bytes(40)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send_raw(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed() from error

    def send(self, name, body=b'', **header):
        header.setdefault('token', self.token)
        self.send_raw(self.definition.frame(name, body, **header))

    def read(self, timeout=10.0):
        """The next frame. Closed at the end of the connection; TimeoutError."""
        end = time.monotonic() + timeout
        while True:
            if len(self.buffer) >= 4:
                size, = struct.unpack_from('>I', self.buffer)
                if len(self.buffer) >= 4 + size:
                    data, self.buffer = self.buffer[4:4 + size], self.buffer[4 + size:]
                    return Frame(self.definition, data)
            self.socket.settimeout(max(end - time.monotonic(), 0.001))
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                more = b''
            if not more:
                raise Closed()
            self.buffer += more

    def wait_for(self, *names, timeout=10.0):
        """The next frame of one of these names; others are passed over."""
        end = time.monotonic() + timeout
        while True:
            frame = self.read(end - time.monotonic())
            if frame.name in names:
                return frame

    def ask(self, name, body=b'', timeout=10.0, **header):
        """Sends a request and returns its answer, also if that is an error."""
        request = header.setdefault('request', new_id())
        self.send(name, body, **header)
        end = time.monotonic() + timeout
        while True:
            frame = self.read(end - time.monotonic())
            if frame.header.get('request') == request:
                return frame

    def hello(self):
        self.send('hello', {'version_min': 1, 'version_max': 1, 'client': 'live test', 'language': 'en'})
        return self.read()

    def join(self, user):
        """user: with .user, .device and .token."""
        answer = self.ask('join', {}, token=user.token, device=user.device)
        if answer.name == 'joined':
            self.user, self.token = user, user.token
        return answer

    def write(self, room, text, operation=None, kind=1):
        """One text. Returns the answer."""
        operation = {'id': operation or new_id(), 'kind': kind, 'text': text}
        return self.ask('write', {'operations': [operation]}, room=room)

    def until_closed(self, timeout=10.0):
        """Every frame up to the end of the connection."""
        frames, end = [], time.monotonic() + timeout
        try:
            while True:
                frames.append(self.read(end - time.monotonic()))
        except Closed:
            return frames
