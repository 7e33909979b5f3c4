#!/usr/bin/python3
"""Bad input in frames: each gets a clear error or a close, and others are served on. See rig.py for the arguments."""
import functools
import random
import struct
import sys

import wire
from rig import PASSWORD, Rig
from tap import Suite, expect, expect_equal

suite = Suite()
MEMORY_GROWTH_KIB = 32 * 1024


def case(function):
    """A case after which a healthy client is served as before, and the server has not grown."""
    @functools.wraps(function)
    def with_care(rig):
        function(rig)
        rig.main.serves(rig.healthy)
        rig.expect_grown(rig.main, rig.memory_kib, MEMORY_GROWTH_KIB)
    return suite.case(with_care)


def expect_error(rig, frame, name):
    expect_equal((frame.name, frame.body.get('code')), ('error', rig.error(name)), f'answer ({frame})')


def expect_closed(rig, client, name):
    """An error or a farewell that names the reason, and the end of the connection."""
    frames = client.until_closed()
    expect(frames and frames[-1].body.get('code') == rig.error(name), f'closed with {frames}, expected {name}')


def expect_goes_on(client):
    client.send('ping', {'echo': 7})
    expect_equal(client.wait_for('pong').body['echo'], 7, 'the connection goes on')


def status_of(written):
    expect_equal(written.name, 'written', f'answer to write ({written})')
    return [outcome.get('status', 0) for outcome in written.body['outcomes']]


def self_room(user):
    return wire.personal_room(user.user, user.user)


# ---- frames ----

@case
def length_zero(rig):
    """a frame of length 0 closes the connection"""
    for client in (wire.Client(rig.definition, rig.main.port), rig.main.client(), rig.main.joined(rig.alice)):
        with client:
            client.send_raw(bytes(4))
            expect_closed(rig, client, 'BAD_FRAME')


@case
def length_huge(rig):
    """a frame of 4 GiB, or above the limit before and after the token, closes the connection before its bytes come"""
    for size, client in ((2 ** 32 - 1, rig.main.client()), (4097, rig.main.client()), (2 ** 31, rig.main.joined(rig.alice)),
                         (65537, rig.main.joined(rig.alice))):
        with client:
            client.send_raw(struct.pack('>I', size))
            expect_closed(rig, client, 'TOO_LARGE')


@case
def length_short(rig):
    """a frame too short for the header of its code closes the connection"""
    for name in ('sign_in', 'join', 'write'):
        with rig.main.client() as client:
            whole = rig.definition.frame(name, b'')
            client.send_raw(struct.pack('>I', len(whole) - 5) + whole[4:-1])
            expect_closed(rig, client, 'BAD_FRAME')


@case
def unknown_code(rig):
    """an unknown code, and a code that only servers send, are refused and the connection goes on"""
    with rig.main.joined(rig.alice) as client:
        unknown = next(code for code in range(1, 256) if code not in rig.definition.names)
        client.send_raw(struct.pack('>IB', 1 + 60, unknown) + bytes(60))
        expect_error(rig, client.read(), 'UNKNOWN_CODE')
        for name in ('welcome', 'delivery', 'envelope', 'post', 'revoke', 'claim', 'lost'):
            client.send(name, {})
            expect_error(rig, client.read(), 'UNKNOWN_CODE')
        expect_goes_on(client)


@case
def bad_hello(rig):
    """other versions, a body that is no Hello, and another frame before Hello are refused and closed"""
    for frame, reason in (
            (rig.definition.frame('hello', {'version_min': 2, 'version_max': 9}), 'BAD_VERSION'),
            (rig.definition.frame('hello', b'\xff\xff\xff'), 'BAD_FRAME'),
            (rig.definition.frame('hello', {'version_min': 1, 'version_max': 1, 'client': 'x' * 65}), 'BAD_FIELD'),
            (rig.definition.frame('ping', {'echo': 1}), 'BAD_VERSION'),
            (rig.definition.frame('join', {}, token=rig.alice.token, device=rig.alice.device), 'BAD_VERSION'),
            (b'\x05\x01\x00SOCKS', 'TOO_LARGE')):
        with wire.Client(rig.definition, rig.main.port) as client:
            client.send_raw(frame)
            expect_closed(rig, client, reason)


@case
def before_join(rig):
    """every code that needs Join is refused before it, and again Hello and sign-in codes after it"""
    up = [name for name, code in rig.definition.codes.items() if 0 < code < 0x80]
    with rig.main.client() as client:
        for name in up:
            if 'token' in rig.definition.headers[name] and name != 'join':
                request = {'request': wire.new_id()} if 'request' in rig.definition.headers[name] else {}
                client.send(name, {}, token=rig.alice.token, room=self_room(rig.alice), **request)
                expect_error(rig, client.read(), 'NOT_NOW')
        client.send('hello', {'version_min': 1, 'version_max': 1})
        expect_error(rig, client.read(), 'NOT_NOW')
        expect_goes_on(client)
    with rig.main.joined(rig.alice) as client:
        for name in ('sign_up', 'confirm', 'sign_in', 'renew'):
            expect_error(rig, client.ask(name, {}), 'NOT_NOW')
        expect_goes_on(client)


@case
def garbage(rig):
    """random bytes as the body of every code are refused by whoever reads them"""
    up = [name for name, code in rig.definition.codes.items() if 0 < code < 0x80 and name not in ('hello', 'ping')]
    dice = random.Random(1)
    for name in up:
        signed_out = 'token' not in rig.definition.headers[name] or name == 'join'
        with rig.main.client() if signed_out else rig.main.joined(rig.alice) as client:
            for _ in range(8):
                body, header = dice.randbytes(dice.randrange(1, 300)), {'token': rig.alice.token, 'device': rig.alice.device, 'room': self_room(rig.alice)}
                if 'request' not in rig.definition.headers[name]:  # it is not answered, and the connection goes on
                    client.send(name, body, **header)
                    expect_goes_on(client)
                    continue
                answer = client.ask(name, body, **header)
                # What happens to be a valid body (an unknown field, skipped) may be answered as such.
                if answer.name == 'error':
                    expect(answer.body['code'] in map(rig.error, ('BAD_FRAME', 'BAD_FIELD', 'NO_ROOM')), f'{name}: {answer}')


@case
def no_request_id(rig):
    """a request without an id is refused by its field's name"""
    with rig.main.joined(rig.alice) as client:
        client.send('find', {'name': 'bob', 'limit': 5})
        answer = client.read()
        expect_error(rig, answer, 'BAD_FIELD')
        expect_equal(answer.body['field'], 'request', 'field')


# ---- who ----

@case
def forged_token(rig):
    """a forged token, one with a bit changed, and one for another device are refused at Join"""
    with rig.main.client() as client:
        good = rig.alice.token
        for token, device in ((bytes(40), rig.alice.device), (good[:8] + bytes(32), rig.alice.device),
                              (good[:-1] + bytes([good[-1] ^ 1]), rig.alice.device), (good, rig.alice.device + 1),
                              (good, rig.bob.device), (bytes(8) + good[8:], rig.alice.device)):
            expect_error(rig, client.ask('join', {}, token=token, device=device), 'BAD_TOKEN')
        expect_equal(client.join(rig.alice).name, 'joined', 'the right one is taken after all that')


@case
def anothers_token(rig):
    """after Join another user's token closes the connection, and nothing is done in his name"""
    for name in ('write', 'rooms', 'sign_out', 'join'):
        with rig.main.joined(rig.alice) as client:
            client.send(name, {}, request=wire.new_id(), token=rig.bob.token, device=rig.bob.device, room=self_room(rig.bob))
            expect_closed(rig, client, 'BAD_TOKEN')
    with rig.main.joined(rig.bob) as bob:
        expect_goes_on(bob)


@case
def revoked_device(rig):
    """a device that was signed out is closed, and its token is refused from then on"""
    with rig.main.joined(rig.carol) as here, rig.main.joined(rig.carol) as there:
        expect_equal(here.ask('sign_out', {'device': rig.carol.device}).name, 'done', 'sign_out')
        expect_closed(rig, here, 'REVOKED')
        expect_closed(rig, there, 'REVOKED')
    with rig.main.client() as client:
        expect_error(rig, client.join(rig.carol), 'REVOKED')


# ---- rooms ----

@case
def strangers_room(rig):
    """a room of others, of nobody, and one that no id can be, are refused in every code"""
    theirs = wire.personal_room(rig.alice.user, rig.bob.user)
    with rig.main.joined(rig.alice) as alice:
        expect_equal(status_of(alice.write(theirs, 'between us')), [0], 'alice writes to bob')
    with rig.main.joined(rig.mallory) as client:
        for room in (theirs, self_room(rig.alice), bytes(16), b'\xff' * 16, wire.new_id(),
                     wire.personal_room(rig.mallory.user, 12345)):
            operation = {'id': wire.new_id(), 'kind': 1, 'text': 'let me in'}
            for name, body in (('write', {'operations': [operation]}), ('changes', {'limit': 10}), ('around', {'seq': 1, 'limit': 9}),
                               ('mark', {'delivered': 1, 'read': 1, 'shown': 1})):
                answer = client.ask(name, body, room=room)
                if answer.name == 'written':
                    expect(status_of(answer)[0] in map(rig.error, ('NO_ROOM', 'NO_USER', 'NOT_ALLOWED')), f'{name}: {answer}')
                else:
                    expect(answer.name == 'error' and answer.body['code'] in map(rig.error, ('NO_ROOM', 'NO_USER')),
                           f'{name} in {room.hex()}: {answer}')
        rooms = client.ask('rooms', {'limit': 100})
        expect(theirs not in [room['room'] for room in rooms.body.get('rooms', [])], 'it is not in the list')


@case
def large_text(rig):
    """a text of 1 MB closes the connection; one byte too many is refused; the longest is taken"""
    room = self_room(rig.alice)
    with rig.main.joined(rig.alice) as client:
        operation = {'id': wire.new_id(), 'kind': 1, 'text': 'x' * 1000000}
        try:
            client.send('write', {'operations': [operation]}, request=wire.new_id(), room=room)
        except wire.Closed:
            pass
        expect_closed(rig, client, 'TOO_LARGE')
    with rig.main.joined(rig.alice) as client:
        answer = client.write(room, 'x' * 16385)
        expect_error(rig, answer, 'BAD_FIELD')
        expect_equal(answer.body['field'], 'text', 'field')
        expect_equal(status_of(client.write(room, 'x' * 16384)), [0], 'the longest text')


@case
def invalid_text(rig):
    """text that is not UTF-8, has a NUL, is empty, or has an unknown kind is refused"""
    room = self_room(rig.alice)
    with rig.main.joined(rig.alice) as client:
        for text in (b'\xff', b'\xc0\x80', b'\xed\xa0\x80', b'\xf4\x90\x80\x80', b'a\0b', b'\xe2\x82'):
            answer = client.write(room, text)
            expect_error(rig, answer, 'BAD_FIELD')
            expect_equal(answer.body['field'], 'text', f'field for {text}')
        expect_equal(status_of(client.write(room, '')), [rig.error('BAD_FIELD')], 'an empty text')
        expect_equal(status_of(client.write(room, 'x', kind=77)), [rig.error('BAD_FIELD')], 'an unknown kind')
        expect_error(rig, client.ask('write', {'operations': []}, room=room), 'BAD_FIELD')
        many = [{'id': wire.new_id(), 'kind': 1, 'text': 'x'} for _ in range(17)]
        expect_error(rig, client.ask('write', {'operations': many}, room=room), 'BAD_FIELD')


@case
def reused_id(rig):
    """an id used again: the same content has the same answer, another content is refused"""
    room, operation = self_room(rig.bob), wire.new_id()
    with rig.main.joined(rig.bob) as client:
        first = client.write(room, 'the first', operation)
        again = client.write(room, 'the first', operation)
        expect_equal(again.body['outcomes'], first.body['outcomes'], 'the repeat')
        expect_equal(status_of(client.write(room, 'another', operation)), [rig.error('REUSED_ID')], 'another content')
        rows = client.ask('changes', {'limit': 200}, room=room).body['rows']
        expect_equal([row['text'] for row in rows if row['request'] == operation], ['the first'], 'what is there')


# ---- guesses ----

def sign_up(client, name):
    request = wire.new_id()
    answer = client.ask('sign_up', {'email': f'{name}@example.org', 'user_name': name, 'display_name': name, 'language': 'en',
                                    'password': PASSWORD.encode()}, request=request)
    expect_equal(answer.name, 'code_sent', f'answer to sign_up ({answer})')
    return request


def confirm(client, name, request, code):
    return client.ask('confirm', {'email': f'{name}@example.org', 'code': code, 'device_secret': bytes(range(32)),
                                  'device_name': 'a test', 'sign_up': request})


@case
def guessed_codes(rig):
    """after a few wrong codes even the right one is refused"""
    with rig.main.client() as client:
        request = sign_up(client, 'guessed')
        code = rig.main.code_for('guessed@example.org')
        wrong = [f'{(int(code) + step) % 1000000:06}' for step in range(1, 12)]
        answers = [confirm(client, 'guessed', request, guess).body['code'] for guess in wrong]
        expect_equal(answers[0], rig.error('BAD_CODE'), 'the first wrong one')
        expect_equal(answers[-1], rig.error('GUESSED'), f'the last: {answers}')
        expect_error(rig, confirm(client, 'guessed', request, code), 'GUESSED')


@case
def guessed_passwords(rig):
    """after a few wrong passwords one has to wait, for a known name as for one that nobody has"""
    with rig.main.client() as client:
        request = sign_up(client, 'victim')
        expect_equal(confirm(client, 'victim', request, rig.main.code_for('victim@example.org')).name, 'signed_in', 'confirm')
    for name in ('victim', 'nobody.has.it'):
        with rig.main.client() as client:
            login = {'login': name, 'password': b'wrong wrong', 'device_secret': bytes(range(32)), 'device_name': 'a test'}
            answers = [client.ask('sign_in', login) for _ in range(8)]
            expect_error(rig, answers[0], 'BAD_LOGIN')
            expect_error(rig, answers[-1], 'GUESSED')
            expect(answers[-1].body['retry_after_ms'] >= 10000, f'{name} has to wait: {answers[-1]}')
            if name == 'victim':
                expect_error(rig, client.ask('sign_in', login | {'password': PASSWORD.encode()}), 'GUESSED')


@case
def known_address(rig):
    """signing up with a known address looks like any sign-up, and no code works"""
    with rig.main.client() as client:
        request = sign_up(client, 'dora')
        expect_equal(confirm(client, 'dora', request, rig.main.code_for('dora@example.org')).name, 'signed_in', 'confirm')
        again = wire.new_id()
        answer = client.ask('sign_up', {'email': 'DORA@example.org', 'user_name': 'dora2', 'display_name': 'x', 'language': 'en',
                                        'password': PASSWORD.encode()}, request=again)
        expect_equal(answer.name, 'code_sent', f'the answer ({answer})')
        for guess in ('000000', '123456'):
            expect_error(rig, confirm(client, 'dora', again, guess), 'BAD_CODE')


# ---- too much ----

@case
def flood(rig):
    """a flood of frames is answered with RATE and then not read; nobody else notices"""
    with rig.main.joined(rig.mallory) as client:
        client.socket.settimeout(0.3)
        ping = rig.definition.frame('ping', {'echo': 1}) * 1000
        taken = 0
        try:
            while taken < 100000000:
                client.socket.sendall(ping)
                taken += len(ping)
        except TimeoutError:
            pass
        expect(taken < 100000000, 'it is read as fast as it comes')
        rig.main.serves(rig.healthy)
        expect_error(rig, client.wait_for('error'), 'RATE')


class FramesRig(Rig):
    def __enter__(self):
        self.main = self.server('--dev')
        names = ('healthy', 'alice', 'bob', 'carol', 'mallory')
        for name, user in zip(names, self.main.add_users(*names)):
            setattr(self, name, user)
        self.main.start()
        self.main.serves(self.healthy)
        self.memory_kib = self.main.memory_kib()
        return self


sys.exit(suite.run(FramesRig))
