#!/usr/bin/python3
"""Devices that come and go, and a server that is told to stop: everybody is told, nothing is lost. See rig.py for the arguments."""
import os
import re
import shutil
import signal
import subprocess
import sys
import termios
import threading
import time

import wire
from rig import PASSWORD, Rig
from tap import Suite, expect, expect_equal, wait_until

suite = Suite()
case = suite.case
CONNECTIONS = 16  # of one user: enough that each of two frontends has some


def last_reason(client):
    frames = client.until_closed()
    return frames[-1].body.get('code') if frames else None


def sign_in(rig, name, secret):
    """One more device of an account, as a user to join with."""
    with rig.main.client() as client:
        answer = client.ask('sign_in', {'login': name, 'password': PASSWORD.encode(), 'device_secret': secret, 'device_name': 'another'})
        expect_equal(answer.name, 'signed_in', f'answer to sign_in ({answer})')
    user = Device()
    user.name, user.user = name, answer.body['profile']['user']
    user.device, user.token = answer.body['device'], answer.body['token']
    return user


class Device:
    pass


@case
def both_frontends(rig):
    """with two frontends a message reaches every connection of its readers, on whichever it is"""
    room = wire.personal_room(rig.alice.user, rig.bob.user)
    readers = [rig.main.joined(rig.bob) for _ in range(CONNECTIONS)]
    for number in range(1, 5):
        with rig.main.joined(rig.alice) as client:
            expect_equal(client.write(room, f'to all {number}').name, 'written', 'alice writes')
        for reader in readers:
            expect_equal(reader.wait_for('delivery').body['number'], number, 'what each gets')
    for reader in readers:
        reader.close()


@case
def sign_out_one(rig):
    """signing one device out closes its connections on both frontends, and no other device's"""
    rig.sign_up(rig.main, 'carol')
    first, second = sign_in(rig, 'carol', b'1' * 32), sign_in(rig, 'carol', b'2' * 32)
    gone = [rig.main.joined(first) for _ in range(CONNECTIONS // 2)]
    stay = [rig.main.joined(second) for _ in range(CONNECTIONS // 2 - 1)]
    expect_equal(stay[0].ask('sign_out', {'device': first.device}).name, 'done', 'sign_out')
    expect_equal({last_reason(client) for client in gone}, {rig.error('REVOKED')}, 'what its connections are told')
    for client in stay:
        client.send('ping', {'echo': 1})
        client.wait_for('pong')
        client.close()
    with rig.main.client() as client:
        expect_equal(client.join(first).body.get('code'), rig.error('REVOKED'), 'Join of the one that is out')
    with rig.main.client() as client:
        expect_equal(client.ask('renew', {'user': first.user, 'device': first.device, 'device_secret': b'1' * 32}).name, 'error',
                     'its secret gets no token either')


@case
def sign_out_all(rig):
    """signing out everywhere closes every connection of the user, and nobody else's"""
    devices = [sign_in(rig, 'carol', bytes([number]) * 32) for number in range(3, 6)]
    clients = [rig.main.joined(device) for device in devices for _ in range(5)]
    with rig.main.joined(rig.bob) as bob:
        clients[0].send('sign_out', {'device': 0}, request=wire.new_id())
        expect_equal({last_reason(client) for client in clients}, {rig.error('REVOKED')}, 'what they are told')
        bob.send('ping', {'echo': 1})
        bob.wait_for('pong')


@case
def terminal_is_told(rig):
    """chat and tail of a device that is signed out say so and end; the profile is empty then"""
    for profile in ('dora', 'dora-tail'):
        if profile == 'dora':
            rig.sign_up(rig.main, 'dora')
            continue
        rig.galka(profile, '--server', f'127.0.0.1:{rig.main.port}', 'signin', 'dora', '--password-file', rig.password_file())
    devices = rig.galka_json('dora', 'devices')
    expect_equal((len(devices), sum(device['current'] for device in devices)), (2, 1), 'devices')
    rig.galka('dora', 'send', 'me', 'a note')
    expect_equal(rig.galka_json('dora-tail', 'history', 'me')[0]['text'], 'a note', 'the other device has it')
    tail = rig.galka_leader('dora-tail', '--json', 'tail')
    other, = [device['device'] for device in devices if not device['current']]
    expect('Signed out' in rig.galka('dora', 'signout', other), 'signout DEVICE')
    expect_equal(tail.wait(), 4, 'exit code of tail')
    expect(tail.err.find('signed this device out'), f'what it said: {tail.err.lines}')
    rig.galka('dora-tail', 'rooms', code=4)
    screen = rig.galka_screen('dora', 'chat', 'me')
    screen.wait_for(lambda screen: screen.line_with('a note'), 'chat shows the note')
    with rig.main.joined(sign_in(rig, 'dora', b'3' * 32)) as client:
        client.send('sign_out', {'device': 0}, request=wire.new_id())
        screen.wait_for(lambda screen: screen.line_with('signed this device out'), 'chat says so')
        expect_equal(screen.finish(), 4, 'exit code of chat')
    rig.galka('dora', '--server', f'127.0.0.1:{rig.main.port}', 'signin', 'dora', '--password-file', rig.password_file())
    expect_equal(rig.galka_json('dora', 'history', 'me')[0]['text'], 'a note', 'signed in again it has everything')
    expect('Signed out everywhere' in rig.galka('dora', 'signout', '--all'), 'signout --all')
    rig.galka('dora', 'rooms', code=4)


@case
def ended_chat_leaves_the_terminal(rig):
    """chat that is ended by a signal leaves the terminal as it was"""
    rig.sign_up(rig.main, 'erin')
    screen = rig.galka_screen('erin', 'chat', 'me')
    screen.wait_for(lambda screen: screen.line_with('>'), 'a prompt')
    expect(not termios.tcgetattr(screen.fd)[3] & termios.ECHO, 'while it runs it echoes itself')
    # The test holds the terminal open, so that it can look at it afterwards.
    held = os.open(f'/proc/{screen.pid}/fd/0', os.O_RDWR | os.O_NOCTTY)
    os.kill(screen.pid, signal.SIGTERM)
    wait_until(lambda: screen.turn(0.05) and termios.tcgetattr(held)[3] & termios.ECHO, 'the terminal echoes again', 5)
    expect(termios.tcgetattr(held)[3] & termios.ICANON, 'and reads lines')
    os.close(held)
    expect_equal(screen.finish(), 0, 'exit code')


class Writer(threading.Thread):
    """Writes until the server says goodbye. Notes what was acknowledged and how it ended."""

    def __init__(self, rig, user):
        super().__init__(daemon=True)
        self.rig, self.user, self.acknowledged, self.end = rig, user, [], None
        self.client = rig.main.joined(user)

    def run(self):
        room = wire.personal_room(self.user.user, self.user.user)
        try:
            while True:
                answer = self.client.write(room, 'until the end')
                if answer.name == 'written' and answer.body['outcomes'][0].get('status', 0) == 0:
                    self.acknowledged.append(answer.body['outcomes'][0]['seq'])
                elif answer.name == 'error':
                    break
            self.end = self.client.until_closed()
        except wire.Closed:
            pass


class Watcher(threading.Thread):
    """Reads until the end of its connection."""

    def __init__(self, client):
        super().__init__(daemon=True)
        self.client, self.frames = client, []

    def run(self):
        self.frames = self.client.until_closed(30)


@case
def drained(rig):
    """SIGTERM and SIGINT under load: everybody is told, what was acknowledged is kept, exit 0 in time"""
    for number in (signal.SIGTERM, signal.SIGINT):
        writers = [Writer(rig, user) for user in rig.crowd]
        watchers = [Watcher(rig.main.joined(user)) for user in rig.crowd for _ in range(4)]
        for thread in writers + watchers:
            thread.start()
        time.sleep(0.5)
        start = time.monotonic()
        rig.main.process.signal(number)
        expect_equal(rig.main.process.wait(30), 0, f'exit code ({rig.main.process.err.lines[-3:]})')
        seconds = time.monotonic() - start
        print(f'# drained {len(writers) + len(watchers)} clients in {seconds:.1f} s')
        expect(seconds < 10, f'it took {seconds:.1f} s')  # 3 s to tell all, 2 s more for watchers, who never close
        for thread in writers + watchers:
            thread.join(10)
        for watcher in watchers:
            expect(watcher.frames and watcher.frames[-1].name == 'bye'
                   and watcher.frames[-1].body['code'] == rig.error('DRAINING'), f'the last word: {watcher.frames[-1:]}')
        expect(all(writer.acknowledged for writer in writers), 'all have written')
        rig.main.start()
        for writer in writers:
            with rig.main.joined(writer.user) as client:
                room = wire.personal_room(writer.user.user, writer.user.user)
                page = client.ask('changes', {'after': writer.acknowledged[-1] - 1, 'limit': 200}, room=room)
                seqs = {row['seq'] for row in page.body['rows']}
                expect(writer.acknowledged[-1] in seqs, 'what was acknowledged last is there')
                expect(max(seqs) <= writer.acknowledged[-1] + 1, 'and at most the one that was under way besides')


@case
def nobody_new_while_draining(rig):
    """while it drains nobody new is let in, and a client that takes nothing does not hold it up"""
    deaf = rig.main.client(receive_buffer=4096)
    half = rig.main.client()
    half.send_raw(b'\0\0\0')
    silent = wire.Client(rig.definition, rig.main.port)
    start = time.monotonic()
    rig.main.process.signal(signal.SIGTERM)
    wait_until(lambda: sum('frontend.draining' in line for line in rig.main.process.err.lines) == 2, 'both frontends drain')
    refused = True
    try:
        with wire.Client(rig.definition, rig.main.port) as client:
            client.hello()
        refused = False
    except (ConnectionError, wire.Closed, TimeoutError):
        pass
    expect_equal(rig.main.process.wait(30), 0, 'exit code')
    expect(time.monotonic() - start < 15, f'it took {time.monotonic() - start:.1f} s')
    expect(refused, 'nobody new is let in')
    for client in (deaf, half, silent):
        expect_equal(client.until_closed()[-1].body.get('code'), rig.error('DRAINING'), 'what those who are there are told')
    rig.main.start()


@case
def restart_under_chat(rig):
    """chat and tail live through a restart: they come back by themselves and show what came meanwhile, once"""
    for name in ('frank', 'grace'):
        rig.sign_up(rig.main, name)
    frank = rig.galka_screen('frank', 'chat', '@grace')
    frank.wait_for(lambda screen: screen.line_with('>'), 'a prompt')
    tail = rig.galka_leader('grace', '--json', 'tail')
    frank.type('before\r')
    frank.wait_for(lambda screen: screen.shows('before', '✓✓'), 'two ticks')
    for number in range(2):
        rig.main.process.signal(signal.SIGTERM)
        frank.wait_for(lambda screen: screen.shows('no link', '--') and screen.text().count('no link') == number + 1, 'it says so')
        frank.type(f'meanwhile {number}\r')
        expect_equal(rig.main.process.wait(30), 0, 'exit code')
        rig.main.start()
        frank.wait_for(lambda screen: screen.shows(f'meanwhile {number}', '✓✓'), 'it is delivered', 40)
    tail.signal(signal.SIGTERM)
    expect_equal(tail.wait(), 0, 'exit code of tail')
    expect_equal([row['text'] for row in tail.json()], ['before', 'meanwhile 0', 'meanwhile 1'], 'what tail showed')


@case
def keys_rotated(rig):
    """galkad keys rotate beside the running server: who is connected goes on, who comes back has a new token, nobody is asked for a password"""
    rig.sign_up(rig.main, 'leo')
    tail = rig.galka_leader('leo', '--json', 'tail')
    writer = Writer(rig, rig.crowd[0])
    writer.start()
    before = sum('keys.changed' in line for line in rig.main.process.err.lines)

    def rotate(*more, code=0):
        done = subprocess.run(rig.main.arguments('keys', 'rotate', *more), capture_output=True, text=True, timeout=20, check=False)
        expect_equal(done.returncode, code, f'galkad keys rotate: {done.stdout}{done.stderr}')
        return done.stdout + done.stderr

    expect('has a new token key' in rotate(), 'what it says')
    wait_until(lambda: sum('keys.changed' in line for line in rig.main.process.err.lines) > before, 'the server notices')
    expect('less than a day ago' in rotate(code=1), 'a second time is refused')
    time.sleep(0.6)  # every thread has taken them (WAIT_MS_MAX)
    user = rig.crowd[1]
    with rig.main.client() as client:
        joined = client.join(user)
        expect_equal(joined.name, 'joined', f'with a token of the key before: {joined}')
        fresh = joined.body['token']
        expect(fresh != user.token, 'it gets a new one')
    user.token = fresh
    with rig.main.client() as client:
        joined = client.join(user)
        expect_equal((joined.name, joined.body.get('token', b'')), ('joined', b''), 'the new token is good, and needs no other')
    written = len(writer.acknowledged)
    wait_until(lambda: len(writer.acknowledged) > written, 'who was connected all the while goes on')
    rig.galka('leo', 'send', 'me', 'after')
    wait_until(lambda: 'after' in [line.get('text') for line in tail.json()], 'so does a terminal')
    expect_equal(sum('keys.changed' in line for line in rig.main.process.err.lines), before + 1, 'once')
    rotate('--leaked')
    wait_until(lambda: sum('keys.changed' in line for line in rig.main.process.err.lines) > before + 1, 'the server notices again')
    time.sleep(0.6)
    with rig.main.client() as client:
        expect_equal(client.join(user).body.get('code'), rig.error('BAD_TOKEN'), 'a token of the key that leaked')
    tail.signal(signal.SIGTERM)
    expect_equal(tail.wait(), 0, 'exit code of tail')
    rig.galka('leo', 'send', '--wait', 'me', 'renewed')
    expect('--leaked goes without' in rotate('--leaked', '--after-s', '5', code=1), 'what makes no sense')
    rig.main.process.signal(signal.SIGHUP)
    expect_equal(rig.main.stop(), 0, 'exit code, and SIGHUP ends nothing')
    writer.join(10)
    rig.main.start()


def change_keys(rig, keep_previous):
    """The operator's way (SECURITY): the server stops, `current` becomes `previous` or goes, a new one comes."""
    expect_equal(rig.main.stop(), 0, 'exit code')
    path = os.path.join(rig.main.folder, 'keys')
    with open(path, encoding='ascii') as file:
        keys = dict(line.split() for line in file)
    keys.pop('from', None)
    expect_equal(set(keys) - {'previous'}, {'current', 'lasting'}, 'lines of the keys file')
    if keep_previous:
        keys['previous'] = keys['current']
    else:
        keys.pop('previous', None)
    keys['current'] = os.urandom(32).hex()
    with open(path, 'w', encoding='ascii') as file:
        file.writelines(f'{name} {key}\n' for name, key in keys.items())
    rig.main.start()


@case
def repeated_across_new_keys(rig):
    """requests with secrets in them that are repeated after the token keys changed get their first answer"""
    rig.sign_up(rig.main, 'heidi')
    sign_in = {'login': 'heidi', 'password': PASSWORD.encode(), 'device_secret': b'9' * 32, 'device_name': 'another'}
    first_up, in_id, up_id = wire.new_id(), wire.new_id(), wire.new_id()
    sign_up = {'email': 'ivan@example.org', 'user_name': 'ivan', 'display_name': 'Ivan', 'password': PASSWORD.encode()}

    def ask_all():
        with rig.main.client() as client:
            return client.ask('sign_in', sign_in, request=in_id), client.ask('sign_up', sign_up, request=up_id)

    before = ask_all()
    code = rig.main.code_for('ivan@example.org')
    tokens = [before[0].body['token']]
    for keep_previous in (True, False):
        change_keys(rig, keep_previous)
        again = ask_all()
        expect_equal([answer.name for answer in again], ['signed_in', 'code_sent'], f'answers again: {again}')
        expect_equal(again[0].body['device'], before[0].body['device'], 'the device that it made at first')
        expect_equal(rig.main.code_for('ivan@example.org'), code, 'a repeated letter has the same code')
        tokens.append(again[0].body['token'])
    expect_equal(len(set(tokens)), 3, 'tokens are minted anew by the key of the day')
    with rig.main.client() as client:
        sign_in['device_name'] = 'yet another'
        answer = client.ask('sign_in', sign_in, request=in_id)
        expect_equal(answer.body.get('code'), rig.error('REUSED_ID'), 'other content under the same id')
        confirm = {'sign_up': up_id, 'email': 'ivan@example.org', 'code': code, 'device_secret': b'8' * 32, 'device_name': 'first'}
        made = client.ask('confirm', confirm, request=first_up)
        expect_equal(made.name, 'signed_in', f'the code of the first letter ({made})')
    change_keys(rig, False)
    with rig.main.client() as client:
        answer = client.ask('confirm', confirm, request=first_up)
        expect_equal((answer.name, answer.body.get('device')), ('signed_in', made.body['device']), 'confirm again')


@case
def renews_by_itself(rig):
    """after both token keys are gone a device gets a new token by its secret, and nobody is asked"""
    rig.sign_up(rig.main, 'judy')
    rig.galka('judy', 'send', 'me', 'before')
    change_keys(rig, False)
    rig.galka('judy', 'send', '--wait', 'me', 'after')
    expect_equal([row['text'] for row in rig.galka_json('judy', 'history', 'me')], ['before', 'after'], 'what is there')


@case
def restored(rig):
    """after an older copy was put back and said to be, clients forget what is no more and keep what they have not sent"""
    rig.sign_up(rig.main, 'kate')
    folder, copy = rig.main.folder, rig.main.folder + '-copy'
    rig.galka('kate', 'send', '--wait', 'me', 'one')
    expect_equal(rig.main.stop(), 0, 'exit code')
    shutil.copytree(folder, copy)
    rig.main.start()
    rig.galka('kate', 'send', '--wait', 'me', 'two')
    refused = subprocess.run(rig.main.arguments('restored'), capture_output=True, text=True, timeout=20, check=False)
    expect_equal(refused.returncode, 1, 'exit code while the server runs')
    expect('another galkad uses the folder' in refused.stderr, f'it says why: {refused.stderr}')
    expect_equal(rig.main.stop(), 0, 'exit code')
    rig.galka('kate', 'send', 'me', 'three')
    shutil.rmtree(folder)
    shutil.copytree(copy, folder)
    done = subprocess.run(rig.main.arguments('restored'), capture_output=True, text=True, timeout=20, check=False)
    expect_equal((done.returncode, done.stderr), (0, ''), 'restored')
    was, now = re.search(r'new era: it was ([0-9a-f-]{36}), it is ([0-9a-f-]{36})', done.stdout).groups()
    expect(was != now, f'the era is another: {done.stdout}')
    rig.main.start()
    rig.galka('kate', 'send', '--wait', 'me', 'four')
    expect_equal([row['text'] for row in rig.galka_json('kate', 'history', 'me')], ['one', 'three', 'four'], 'what there is')
    rig.main.stop()
    shutil.copytree(folder, folder + '-empty', ignore=lambda *_: ['galka.db', 'galka.db-wal', 'galka.db-shm'])
    for command in ('restored', 'check'):
        none = subprocess.run([rig.galkad, command, '--data', folder + '-empty'], capture_output=True, text=True, timeout=20,
                              check=False)
        expect_equal(none.returncode, 1, f'exit code of {command} without a database')
        expect('there is no database' in none.stderr, f'{command} makes none: {none.stderr}')
    rig.main.start()


@case
def sound(rig):
    """after all that the database is whole"""
    expect_equal(rig.main.stop(), 0, 'exit code')
    expect_equal(rig.main.check()['faults'], '0', 'faults')


class LifeRig(Rig):
    def __enter__(self):
        self.main = self.server('--dev', '--frontends', '2', '--user-frames', '100000', '--connection-frames', '100000')
        users = self.main.add_users('alice', 'bob', *[f'crowd{number}' for number in range(20)])
        self.alice, self.bob, self.crowd = users[0], users[1], users[2:]
        self.main.start()
        return self


sys.exit(suite.run(LifeRig))
