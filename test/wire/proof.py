#!/usr/bin/python3
"""Proves the codec against Google's protobuf: proof.py GALKA.PROTO WIRE-ECHO

Every message of galka.proto goes from protobuf through our decoder and encoder and back into protobuf: empty, every field
at zero, at one, at its limit, each field alone, and at random. What comes back must say the same, bit for bit of presence,
and be the bytes that protobuf itself would have written. One past each limit must be refused. The limits are read from the
comments of the .proto, so that nothing here knows messages.def. Needs the packages protobuf-compiler and python3-protobuf;
without them the test is skipped, which meson counts and shows.
"""
import importlib
import importlib.util
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile

RANDOM_ROUNDS = 40
ERR_OK, ERR_BAD_FIELD = 0, 4
SKIPPED = 77  # meson's exit code for a test that could not run


class Echo:
    """Our codec at the other end of two pipes."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, name, body):
        question = bytes([len(name)]) + name.encode() + body
        self.process.stdin.write(struct.pack('>I', len(question)) + question)
        self.process.stdin.flush()
        size, = struct.unpack('>I', self.read(4))
        answer = self.read(size)
        return answer[0], answer[1:]

    def read(self, size):
        data = self.process.stdout.read(size)
        if len(data) != size:
            sys.exit('proof: wire-echo ended early')
        return data

    def close(self):
        self.process.stdin.close()
        return self.process.wait()


def compile_proto(proto):
    """The module that protoc makes of the file; protoc is the independent reader of its syntax, too."""
    folder = tempfile.TemporaryDirectory()
    subprocess.run(['protoc', '--proto_path', os.path.dirname(proto), '--python_out', folder.name, proto], check=True)
    sys.path.insert(0, folder.name)
    sys.dont_write_bytecode = True
    module = importlib.import_module(os.path.basename(proto).replace('.proto', '_pb2'))
    folder.cleanup()
    return module


def read_limits(proto):
    """{(message, field): limit} from the comments: "at most N", "exactly N bytes"."""
    limits, message = {}, None
    with open(proto, encoding='utf-8') as lines:
        for line in lines:
            if found := re.match(r'message (\w+) {', line):
                message = found[1]
            elif found := re.match(r'  (?:optional|repeated) \w+ (\w+) = \d+;(?:  // (?:at most|exactly) (\d+))?', line):
                limits[message, found[1]] = int(found[2]) if found[2] else 2 ** 64 - 1
                if 'exactly' in line:
                    limits[message, found[1], 'exact'] = True
    return limits


def snake(name):
    return re.sub(r'(?<!^)([A-Z])', r'_\1', name).lower()


class Filler:
    """Sets fields of protobuf's messages."""

    def __init__(self, limits, seed):
        self.limits = limits
        self.random = random.Random(seed)

    def limit(self, field):
        return self.limits[field.containing_type.name, field.name]

    def is_id(self, field):
        return (field.containing_type.name, field.name, 'exact') in self.limits

    def text(self, size):
        """That many bytes of UTF-8, with characters of one to four bytes."""
        if size >= 100:
            return 'é' * (size // 2) + 'a' * (size % 2)
        text = ''
        while (left := size - len(text.encode())) > 0:
            text += self.random.choice([c for c in 'aé€𝄞' if len(c.encode()) <= left])
        return text

    def size(self, kind, limit):
        if kind == 'random':
            return min(self.random.getrandbits(64) >> self.random.randrange(64), limit)
        return {'zero': 0, 'one': 1, 'limit': limit}[kind]

    def set(self, message, field, kind):
        limit = self.limit(field)
        if field.label == field.LABEL_REPEATED:
            count = 1 if kind == 'zero' else self.size(kind, limit)
            for _ in range(min(count, 3) if kind == 'random' else count):
                element = getattr(message, field.name).add()
                # Lists inside lists at their limits would be larger than any frame.
                self.fill(element, 'one' if kind == 'limit' else kind)
        elif field.type == field.TYPE_MESSAGE:
            getattr(message, field.name).SetInParent()
            self.fill(getattr(message, field.name), kind)
        elif self.is_id(field):
            value = {'zero': bytes(16), 'one': bytes(15) + b'\1', 'limit': b'\xff' * 16}
            setattr(message, field.name, value.get(kind) or self.random.randbytes(16))
        elif field.type == field.TYPE_BYTES:
            setattr(message, field.name, self.random.randbytes(self.size(kind, limit)))
        elif field.type == field.TYPE_STRING:
            setattr(message, field.name, self.text(self.size(kind, limit)))
        else:
            setattr(message, field.name, self.size(kind, limit))

    def fill(self, message, kind):
        for field in message.DESCRIPTOR.fields:
            if kind != 'random' or self.random.randrange(4):
                self.set(message, field, kind)
        return message

    def past(self, message, field):
        """Sets a field to one more than its limit; False if there is no such value."""
        limit = self.limit(field)
        if limit == 2 ** 64 - 1:
            return False
        if field.label == field.LABEL_REPEATED:
            for _ in range(limit + 1):
                getattr(message, field.name).add()
        elif field.type == field.TYPE_BYTES:
            setattr(message, field.name, bytes(limit + 1))
        elif field.type == field.TYPE_STRING:
            setattr(message, field.name, 'a' * (limit + 1))
        else:
            setattr(message, field.name, limit + 1)
        return True


class Proof:
    def __init__(self, module, limits, echo):
        self.module, self.echo = module, echo
        self.filler = Filler(limits, 1)
        self.exchanged = self.refused = self.fields = 0

    def exchange(self, message, what):
        name = message.DESCRIPTOR.name
        sent = message.SerializeToString(deterministic=True)
        error, got = self.echo.ask(snake(name), sent)
        if error != ERR_OK:
            sys.exit(f'proof: {name}, {what}: refused with error {error}')
        back = type(message)()
        back.ParseFromString(got)
        if back != message:
            sys.exit(f'proof: {name}, {what}: came back different:\n{message}\n---\n{back}')
        if got != sent:
            sys.exit(f'proof: {name}, {what}: other bytes than protobuf writes: {got.hex()} for {sent.hex()}')
        self.exchanged += 1

    def refuse(self, message, what):
        error, _ = self.echo.ask(snake(message.DESCRIPTOR.name), message.SerializeToString())
        if error != ERR_BAD_FIELD:
            sys.exit(f'proof: {message.DESCRIPTOR.name}, {what}: error {error}, expected {ERR_BAD_FIELD}')
        self.refused += 1

    def prove(self, descriptor):
        make = getattr(self.module, descriptor.name)
        self.exchange(make(), 'empty')
        for kind in ('zero', 'one', 'limit'):
            self.exchange(self.filler.fill(make(), kind), f'all at {kind}')
            for field in descriptor.fields:
                message = make()
                self.filler.set(message, field, kind)
                self.exchange(message, f'{field.name} at {kind}')
        for _ in range(RANDOM_ROUNDS):
            self.exchange(self.filler.fill(make(), 'random'), 'random')
        for field in descriptor.fields:
            self.fields += 1
            message = make()
            if self.filler.past(message, field):
                self.refuse(message, f'{field.name} past its limit')


def main():
    proto, program = sys.argv[1:]
    if not shutil.which('protoc') or not importlib.util.find_spec('google'):
        print('SKIPPED: needs the packages protobuf-compiler and python3-protobuf')
        sys.exit(SKIPPED)
    module = compile_proto(proto)
    echo = Echo(program)
    proof = Proof(module, read_limits(proto), echo)
    descriptors = module.DESCRIPTOR.message_types_by_name.values()
    for descriptor in descriptors:
        proof.prove(descriptor)
    if echo.close() != 0:
        sys.exit('proof: wire-echo failed')
    print(f'messages={len(descriptors)} fields={proof.fields} exchanged={proof.exchanged} refused={proof.refused}')


main()
