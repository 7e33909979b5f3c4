#!/usr/bin/python3
"""The health listener of a server that works, drains and hangs, and a balancer before it that speaks the PROXY protocol. See rig.py for the
arguments."""
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request

import wire
from rig import Rig
from tap import Suite, expect, expect_equal, wait_until

suite = Suite()
case = suite.case
SAMPLE = re.compile(r'([a-z_]+)(\{[a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*\})? ([0-9]+(?:\.[0-9]+)?)')


def health_port(server):
    return int(wait_until(lambda: server.process.out.find(r'health on 127\.0\.0\.1:(\d+)'), 'it says where its health is')[1])


def get(port, path):
    """Status and text."""
    try:
        with urllib.request.urlopen(f'http://127.0.0.1:{port}{path}', timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()


def numbers(port):
    """All samples, by name and labels; checks that every line is one."""
    status, text = get(port, '/metrics')
    expect_equal(status, 200, 'status of /metrics')
    found = {}
    for line in text.splitlines():
        if line.startswith('# '):
            continue
        match = SAMPLE.fullmatch(line)
        expect(match, f'a sample: {line}')
        expect(match[1] + (match[2] or '') not in found, f'once: {line}')
        found[match[1] + (match[2] or '')] = float(match[3])
    return found


@case
def pages(rig):
    """a server that works lives, is ready, and names each thing that it depends on"""
    port = health_port(rig.main)
    expect_equal(get(port, '/livez')[0], 200, 'status of /livez')
    status, text = wait_until(lambda: (got := get(port, '/readyz'))[0] == 200 and got, 'it is ready')
    for line in ('ok   session 0: the store answers', 'ok   session 0: the bus answers', 'ok   query 0: presence answers',
                 'ok   frontend 0: serves', 'ok   frontend 1: serves'):
        expect(line in text.splitlines(), f'{line!r} is in {text}')
    expect_equal(get(port, '/')[0], 404, 'another page')


@case
def what_is_counted(rig):
    """what goes through the server is counted once, by whom it passes"""
    port = health_port(rig.main)
    room = wire.personal_room(rig.alice.user, rig.bob.user)
    before = numbers(port)
    with rig.main.joined(rig.alice) as alice, rig.main.joined(rig.bob) as bob:
        for number in range(10):
            alice.write(room, f'{number}')
        bob.wait_for('delivery')
        wait_until(lambda: sum_of(numbers(port), 'galka_frontend_ready{') == 2, 'both are counted')
        time.sleep(0.1)
    after = wait_until(lambda: (now := numbers(port)) and sum_of(now, 'galka_frontend_connections{') == 0 and now, 'they are gone')

    def grown(name):
        return sum_of(after, name) - sum_of(before, name)

    expect_equal(grown('galka_frontend_accepted_total{'), 2, 'accepted')
    expect_equal(grown('galka_frontend_closed_total{'), 2, 'closed')
    expect_equal(grown('galka_worker_records_total{role="session"'), 10, 'records of session')
    expect_equal(grown('galka_store_batch_operations_sum{role="session"'), 10, 'operations')
    expect_equal(grown('galka_worker_batches_total{role="session"'), grown('galka_store_batches_total{role="session",index="0",outcome="ok"}'),
                 'batches')
    expect_equal(grown('galka_frontend_reply_seconds_count{'), 12, 'answers: two Joins, ten writes')
    expect(grown('galka_frontend_frames_total{role="frontend",index="0",direction="in"}') +
           grown('galka_frontend_frames_total{role="frontend",index="1",direction="in"}') >= 14, 'frames')
    expect(0 < grown('galka_frontend_reply_seconds_sum{') < 12, 'time waited')
    expect_equal(after['galka_bus_lag_records{role="session",index="0",partition="0"}'], 0, 'lag')
    expect(after['process_resident_memory_bytes'] > 1 << 20 and after['process_cpu_seconds_total'] > 0, 'the process')


def sum_of(samples, start):
    return sum(number for name, number in samples.items() if name.startswith(start))


@case
def the_table_is_the_truth(rig):
    """galkad metrics lists exactly what /metrics shows, and docs/metrics.md is that list"""
    table = subprocess.run([rig.galkad, 'metrics'], capture_output=True, text=True, check=True).stdout
    listed = {line.split('|')[1].strip() for line in table.splitlines()}
    _, text = get(health_port(rig.main), '/metrics')
    shown = {line.split()[2] for line in text.splitlines() if line.startswith('# TYPE ')}
    expect_equal(shown ^ listed, set(), 'only in one of the two')
    with open(os.path.join(rig.definition_root, 'docs/metrics.md'), encoding='utf-8') as page:
        expect(table in page.read(), 'docs/metrics.md is not what galkad metrics prints')


@case
def standing_still(rig):
    """a server that stood still for a moment lives"""
    server = rig.server('--health', '0', name='still').start()
    port = health_port(server)
    server.process.signal(signal.SIGSTOP)
    time.sleep(1)
    server.process.signal(signal.SIGCONT)
    expect_equal(get(port, '/livez')[0], 200, 'status of /livez')
    expect_equal(server.stop(), 0, 'exit code')


@case
def draining(rig):
    """a server that is told to stop is not ready any more, and lives until it has ended"""
    server = rig.server('--health', '0', '--drain-ms', '2000', name='drains')
    user, = server.add_users('drained')
    server.start()
    port = health_port(server)
    clients = [server.joined(user) for _ in range(4)]
    server.process.signal(signal.SIGTERM)
    status, text = wait_until(lambda: (got := get(port, '/readyz'))[0] == 503 and got, 'it is not ready')
    expect('FAIL the process is stopping' in text.splitlines(), text)
    expect_equal(get(port, '/livez')[0], 200, 'it lives')
    expect_equal(server.process.wait(20), 0, 'exit code')
    for client in clients:
        client.close()


@case
def bad_addresses(rig):
    """a health address that is none, or is taken, is refused in one line before anything is there"""
    with socket.socket() as other:
        other.bind(('127.0.0.1', 0))
        other.listen()
        taken = other.getsockname()[1]
        for value, words in (('x', '--health must be'), ('127.0.0.1:99999', '--health must be'), ('1.2.3:80', '--health must be'),
                             (str(taken), 'cannot listen for health checks')):
            folder = os.path.join(rig.folder, 'unborn')
            done = subprocess.run([rig.galkad, '--data', folder, '--port', '0', '--health', value, 'all'], capture_output=True, text=True,
                                  timeout=20, check=False)
            lines = [line for line in done.stderr.splitlines() if not line.startswith('time=')]
            expect_equal((done.returncode, len(lines)), (1, 1), f'{value}: exit code, lines: {done.stderr}')
            expect(lines[0].startswith('galkad: ') and words in lines[0], lines[0])
            expect(not os.path.exists(folder), 'nothing was begun')


def proxied(rig, server, source):
    """A client behind a balancer that says it is that address."""
    client = wire.Client(rig.definition, server.port)
    client.send_raw(b'\r\n\r\n\0\r\nQUIT\n\x21\x11' + struct.pack('>H4s4sHH', 12, socket.inet_aton(source), b'\x7f\0\0\1', 1234, server.port))
    return client


@case
def behind_a_balancer(rig):
    """behind a balancer limits see the real address, and whoever does not say one is not heard"""
    server = rig.server('--proxy-from', '127.0.0.0/8', '--address-connections', '2', name='proxied').start()
    crowd = [proxied(rig, server, '203.0.113.7') for _ in range(2)]
    for client in crowd:
        expect_equal(client.hello().name, 'welcome', 'answer to Hello')
    with proxied(rig, server, '203.0.113.7') as third:
        frames = third.until_closed()
        expect_equal([frame.name for frame in frames], ['bye'], 'a third one of that address')
        expect_equal(frames[0].body.get('code'), rig.error('BUSY'), 'why')
    with proxied(rig, server, '203.0.113.8') as other:
        expect_equal(other.hello().name, 'welcome', 'another address')
    with wire.Client(rig.definition, server.port) as direct:
        direct.send_raw(bytes(32))
        frames = direct.until_closed()
        expect_equal([frame.name for frame in frames], ['error', 'bye'], 'no header')
        expect_equal(frames[-1].body.get('code'), rig.error('BAD_FRAME'), 'why')
    for client in crowd:
        client.close()
    expect_equal(server.stop(), 0, 'exit code')


class HealthRig(Rig):
    def __enter__(self):
        self.definition_root = os.path.abspath([argument for argument in sys.argv[1:] if not argument.startswith('only=')][2])
        self.main = self.server('--health', '0', '--frontends', '2')
        self.alice, self.bob = self.main.add_users('alice', 'bob')
        self.main.start()
        return self


sys.exit(suite.run(HealthRig))
