#!/usr/bin/python3
"""Many at once, slow ones and silent ones: memory stays bounded, deadlines hold, others are served. See rig.py for the arguments."""
import resource
import select
import struct
import sys
import time

import wire
from rig import Rig
from tap import Suite, expect, expect_equal, wait_until

suite = Suite()
case = suite.case
CROWD = 10000
SPARE = 600  # descriptors that are not the crowd's


def crowd_size():
    """10,000, or what the limit of descriptors allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    size = min(CROWD, (hard if hard != resource.RLIM_INFINITY else CROWD + SPARE) - SPARE)
    if size < CROWD:
        print(f'# only {size} connections: the limit of descriptors is {hard}')
    return size


class Crowd:
    """Connections that are watched together."""

    def __init__(self, rig, server, size, bytes_each=b''):
        self.rig, self.poll, self.clients, self.ended = rig, select.poll(), {}, []
        for _ in range(size):
            client = wire.Client(rig.definition, server.port)
            if bytes_each:
                client.send_raw(bytes_each)
            self.add(client)

    def add(self, client):
        self.clients[client.socket.fileno()] = client
        self.poll.register(client.socket, select.POLLIN)

    def turn(self, seconds):
        """Takes what comes; notes which connections ended, and with which last frame."""
        for fd, _ in self.poll.poll(seconds * 1000):
            client = self.clients[fd]
            data = client.socket.recv(65536)
            client.buffer += data
            if data:
                continue
            self.poll.unregister(fd)
            del self.clients[fd]
            last = None
            try:
                while True:
                    last = client.read(1)
            except wire.Closed:
                pass
            self.ended.append(last)
            client.close()

    def wait_for_end(self, count, seconds):
        end = time.monotonic() + seconds
        while len(self.ended) < count:
            expect(time.monotonic() < end, f'only {len(self.ended)} of {count} were closed within {seconds} s')
            self.turn(0.2)

    def reasons(self):
        return {frame.body.get('code') if frame else None for frame in self.ended}

    def close(self):
        for client in self.clients.values():
            client.close()
        self.clients.clear()


@case
def silent(rig):
    """10,000 connections that say nothing: little memory, others are served, all are closed by the deadline"""
    size, before = crowd_size(), rig.main.memory_kib()
    start = time.monotonic()
    crowd = Crowd(rig, rig.main, size)
    rig.main.serves(rig.healthy)
    grown = rig.expect_grown(rig.main, before, 16 * 1024)
    print(f'# {size} connections in {time.monotonic() - start:.1f} s, {grown * 1024 // size} bytes each')
    crowd.wait_for_end(size, 30)
    expect_equal(crowd.reasons(), {rig.error('IDLE')}, 'the reasons given')
    rig.main.serves(rig.healthy)


@case
def silent_after_hello(rig):
    """the same after Hello"""
    size, before = crowd_size() // 4, rig.main.memory_kib()
    crowd = Crowd(rig, rig.main, size, rig.definition.frame('hello', {'version_min': 1, 'version_max': 1}))
    rig.main.serves(rig.healthy)
    rig.expect_grown(rig.main, before, 16 * 1024)
    crowd.wait_for_end(size, 30)
    expect_equal(crowd.reasons(), {rig.error('IDLE')}, 'the reasons given')


@case
def half_frames(rig):
    """half frames, whole or byte by byte, are closed by the frame's deadline though bytes keep coming"""
    before = rig.main.memory_kib()
    hello = rig.definition.frame('hello', {'version_min': 1, 'version_max': 1})
    crowd = Crowd(rig, rig.main, 2000, hello + struct.pack('>I', 4000) + b'\x10' + bytes(3900))
    drips = Crowd(rig, rig.main, 0)
    for user in rig.crowd:
        client = rig.main.joined(user)
        client.send_raw(struct.pack('>I', 1000) + bytes([rig.definition.codes['write']]))
        drips.add(client)
    start = time.monotonic()
    rig.expect_grown(rig.main, before, 32 * 1024)
    while drips.clients and time.monotonic() < start + 20:
        for client in drips.clients.values():
            try:
                client.send_raw(b'\0')
            except wire.Closed:
                pass
        drips.turn(0)
        crowd.turn(0.25)
    seconds = time.monotonic() - start
    expect(not drips.clients and 8 < seconds < 16, f'those who drip were closed after {seconds:.1f} s')
    crowd.wait_for_end(2000, 10)
    expect_equal(crowd.reasons() | drips.reasons(), {rig.error('IDLE')}, 'the reasons given')
    rig.main.serves(rig.healthy)


@case
def large_half_frames(rig):
    """half frames of 64 KiB by 1,200 joined clients stay within the budget; who is above it is told busy"""
    before = rig.main.memory_kib()
    crowd = Crowd(rig, rig.main, 0)
    for user in rig.crowd:
        for _ in range(15):
            client = rig.main.joined(user)
            client.send_raw(struct.pack('>I', 65532) + bytes([rig.definition.codes['write']]))
            client.send_raw(bytes(65000))
            crowd.add(client)
            crowd.turn(0)
    expect_equal(len(crowd.clients) + len(crowd.ended), 1200, 'how many there were')
    wait_until(lambda: crowd.turn(0.1) or crowd.ended, 'some are told busy')
    grown = rig.expect_grown(rig.main, before, 96 * 1024)
    print(f'# memory has grown by {grown} KiB, {len(crowd.ended)} were told busy')
    expect_equal(crowd.reasons(), {rig.error('BUSY')}, 'the reasons given')
    rig.main.serves(rig.healthy)
    crowd.close()


@case
def slow_readers(rig):
    """who does not read is closed with resync once too much waits for him, and memory stays bounded"""
    room = wire.personal_room(rig.alice.user, rig.bob.user)
    before = rig.main.memory_kib()
    slow = [rig.main.joined(rig.bob, receive_buffer=4096) for _ in range(10)]
    told = lambda: sum('frontend.slow_reader' in line for line in rig.main.process.err.lines)
    with rig.main.joined(rig.bob) as quick, rig.main.joined(rig.alice) as alice:
        for number in range(600):
            expect_equal(alice.write(room, f'{number:04}' + 'x' * 16000).name, 'written', 'alice writes on')
            expect_equal(quick.wait_for('delivery').body['number'], number + 1, 'bob gets it on another device')
            if told() == len(slow):  # their last words are there for five seconds
                break
        rig.expect_grown(rig.main, before, 96 * 1024)
    for client in slow:
        frames = client.until_closed(30)
        expect_equal((frames[-1].name, frames[-1].body.get('code')), ('bye', rig.error('RESYNC')), f'the end of {len(frames)}')
        numbers = [frame.body['number'] for frame in frames if frame.name == 'delivery']
        expect_equal(numbers, list(range(1, len(numbers) + 1)), 'what it got before is whole')
        expect(len(numbers) <= number, 'it did not get all')
        client.close()
    with rig.main.joined(rig.bob) as again:
        page = again.ask('changes', {'after': number, 'limit': 1}, room=room)
        expect(page.body['rows'][0]['text'].startswith(f'{number:04}'), 'after Join again he gets the rest')


@case
def seventeenth(rig):
    """the 17th connection of a user closes the oldest, with the reason"""
    clients = [rig.main.joined(rig.bob) for _ in range(17)]
    frames = clients[0].until_closed(5)
    expect_equal(frames[-1].body.get('code'), rig.error('REPLACED'), f'the oldest ({frames})')
    for client in clients[1:]:
        client.send('ping', {'echo': 1})
        client.wait_for('pong')
        client.close()


@case
def sign_up_flood(rig):
    """a flood of sign-ups: each is answered or told to come later, and writing goes on meanwhile"""
    clients = [rig.main.client() for _ in range(20)]
    requests = 0
    for number, client in enumerate(clients):
        for turn in range(20):
            name = f'flood{number}x{turn}'
            client.send('sign_up', {'email': f'{name}@example.org', 'user_name': name, 'display_name': name, 'language': 'en',
                                    'password': b'long enough'}, request=wire.new_id())
            requests += 1
    start = time.monotonic()
    rig.main.serves(rig.healthy)
    expect(time.monotonic() - start < 2, f'a write took {time.monotonic() - start:.1f} s meanwhile')
    answers = [client.read(20) for client in clients for _ in range(20)]
    codes = {frame.body.get('code', 0) for frame in answers}
    expect_equal(len(answers), requests, 'all are answered')
    expect(codes <= {0, rig.error('BUSY'), rig.error('RATE'), rig.error('UNKNOWN')}, f'with {codes}')
    for client in clients:
        client.close()


@case
def table_full(rig):
    """above --connections newcomers are told busy, and get in when others leave"""
    server = rig.server('--connections', '100', name='small')
    user, = server.add_users('only')
    server.start()
    here = server.joined(user)
    crowd = Crowd(rig, server, 99)
    with wire.Client(rig.definition, server.port) as client:
        frames = client.until_closed(5)
        expect_equal([frame.body.get('code') for frame in frames], [rig.error('BUSY')], 'what the 101st is told')
    here.send('ping', {'echo': 1})
    here.wait_for('pong')
    crowd.close()
    wait_until(lambda: serves_quietly(server, user), 'newcomers get in again')
    expect_equal(server.stop(), 0, 'exit code')


def serves_quietly(server, user):
    try:
        return server.serves(user) > 0
    except (AssertionError, wire.Closed):
        return False


@case
def no_descriptors(rig):
    """with few descriptors newcomers are told busy rather than left waiting, those who are there are served"""
    server = rig.server(name='poor')
    user, = server.add_users('only')
    server.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (120, 120)))
    here = server.joined(user)
    crowd = Crowd(rig, server, 200)
    crowd.wait_for_end(100, 5)
    expect_equal(crowd.reasons(), {rig.error('BUSY')}, 'what newcomers are told')
    expect(server.process.err.find('few_descriptors'), 'the log says so')
    room = wire.personal_room(user.user, user.user)
    for number in range(20):
        expect_equal(here.write(room, f'out of descriptors {number}').name, 'written', 'who is there is served')
    crowd.close()
    wait_until(lambda: serves_quietly(server, user), 'newcomers get in again')
    expect_equal(server.stop(), 0, 'exit code')


class CrowdRig(Rig):
    def __enter__(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.main = self.server('--sign-in-ms', '6000', '--user-frames', '100000', '--connection-frames', '100000')
        names = ['healthy', 'alice', 'bob'] + [f'crowd{number}' for number in range(80)]
        users = self.main.add_users(*names)
        self.healthy, self.alice, self.bob, self.crowd = *users[:3], users[3:]
        # It gets the limit that a shell gives: it has to raise that by itself.
        self.main.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1024), hard)))
        self.main.serves(self.healthy)
        return self


sys.exit(suite.run(CrowdRig))
