#!/usr/bin/python3
"""The cluster of `make run-cluster` (tools/cluster): two frontends behind haproxy, two workers a role. Two people talk, each on another frontend,
while processes come and go. See rig.py for the arguments."""
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request

import wire
from certificates import Certificates
from rig import Rig, Server, User
from tap import Skip, Suite, expect, expect_equal, wait_until
from web import Asker, WebSocket, upgrade

suite = Suite()
case = suite.case
READ_COLOUR = '36'
PAGE = '<!doctype html><title>Galka</title>'
ADDRESS_CONNECTIONS = 3  # of one address, a frontend
MISSING = 77  # exit code of tools/cluster: an engine is not installed and cannot be fetched


class Together(Server):
    """All of it, as its clients see it: behind one port."""

    def __init__(self, rig, folder, options):
        super().__init__(rig, 'together', options)
        self.folder, self.known = folder, {}

    def call(self, *words):
        done = subprocess.run([f'{self.rig.root}/tools/cluster', '--dir', self.folder, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=120, check=False)
        expect_equal(done.returncode, 0, f'tools/cluster {words}: {done.stdout}')
        return done.stdout

    def start(self, **_):
        settings = (f'address-connections={ADDRESS_CONNECTIONS}', 'password-kib=1024', f'web={self.rig.app}',
                    f'tls-certificate={self.rig.certificates.path("good.pem")}', f'tls-key={self.rig.certificates.path("good.key")}')
        self.process = self.rig.start([f'{self.rig.root}/tools/cluster', '--dir', self.folder, '--port', '0', '--galkad', self.rig.galkad,
                                       *(word for setting in settings for word in ('--set', setting))])
        found = wait_until(lambda: self.process.out.find(r'Galka listens on .*:(\d+): 2 frontends') or not self.process.runs(), 'the cluster starts', 240)
        if found is True and self.process.wait() == MISSING:
            print(f'1..0 # SKIP {self.process.err.lines[-1]}', flush=True)
            sys.exit(0)
        expect(found is not True, f'it ended at once: {self.process.out.lines} {self.process.err.lines}')
        self.port = int(found[1])
        self.read_env()
        return self

    def read_env(self):
        lines = self.call('env').splitlines()
        self.known = {key: value.strip("'").split() for key, value in (line.split('=', 1) for line in lines)}

    def pids(self):
        return {name: int(pid) for name, pid in (part.rsplit(':', 1) for part in self.known['CLUSTER_PROCESSES'])}

    def frontend_port(self, index):
        return int(self.known['CLUSTER_FRONTENDS'][index].rsplit(':', 1)[1])

    def number(self, name, metric):
        """The sum of the samples of a process that begin so."""
        port, = [part.rsplit(':', 1)[1] for part in self.known['CLUSTER_HEALTH'] if part.startswith(f'{name}:')]
        with urllib.request.urlopen(f'http://127.0.0.1:{port}/metrics', timeout=5) as page:
            return sum(float(line.split()[-1]) for line in page.read().decode().splitlines() if line.startswith(metric))

    def spread(self):
        """Joined clients of each frontend."""
        return [self.number(f'frontend-{index}', 'galka_frontend_ready') for index in (0, 1)]

    def import_users(self, *names):
        path = os.path.join(self.rig.folder, 'users.tsv')
        with open(path, 'w', encoding='utf-8') as file:
            file.writelines(f'{name}\t{name}@example.org\t{name.capitalize()}\n' for name in names)
        done = subprocess.run([self.rig.galkad, '--config', self.known['CLUSTER_CONFIG'][0], '--log-level', 'warning', 'user', 'import', path], text=True,
                              stdout=subprocess.PIPE, check=True)
        return [User(line) for line in done.stdout.splitlines()]


class BalancedRig(Rig):
    def __enter__(self):
        self.root = os.path.abspath([argument for argument in sys.argv[1:] if not argument.startswith('only=')][2])
        os.chmod(self.folder, 0o755)  # PostgreSQL runs as its own user
        self.certificates = Certificates(os.path.join(self.folder, 'certificates'))
        self.app = os.path.join(self.folder, 'app')
        os.mkdir(self.app)
        with open(os.path.join(self.app, 'index.html'), 'w', encoding='utf-8') as file:
            file.write(PAGE)
        self.main = Together(self, os.path.join(self.folder, 'cluster'), ())
        self.servers.append(self.main)
        try:
            self.main.start()
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *problem):
        if self.main.runs():
            self.main.process.signal(signal.SIGTERM)
            self.main.process.wait(60)
        subprocess.run([f'{self.root}/tools/cluster', '--dir', self.main.folder, 'remove'], stdout=subprocess.DEVNULL, check=False)
        super().__exit__(*problem)

    def diagnosis(self):
        lines = self.main.process.out.lines[-10:] + self.main.process.err.lines[-10:]
        for name in sorted(os.listdir(f'{self.main.folder}/log')) if os.path.isdir(f'{self.main.folder}/log') else []:
            with open(f'{self.main.folder}/log/{name}', encoding='utf-8', errors='replace') as file:
                lines += [f'{name}: {line.rstrip()}' for line in file.readlines()[-4:]]
        return lines


def chat(rig, profile, room):
    screen = rig.galka_screen(profile, 'chat', room)
    screen.wait_for(lambda screen: screen.line_with('>'), f'{profile} sees a prompt')
    return screen


def shows_tick(screen, text, tick, colour=''):
    """Does the line with the text begin with that tick, in that colour?"""
    return screen.shows(text, tick.ljust(3), colour)


def chat_apart(rig):
    """Two chats, each on another frontend: haproxy sends a newcomer where fewer are."""
    wait_until(lambda: rig.main.spread() == [0, 0], 'nobody is connected')
    alice, bob = chat(rig, 'alice', '@bob'), chat(rig, 'bob', '@alice')
    wait_until(lambda: rig.main.spread() == [1, 1], 'each is on a frontend of his own')
    return alice, bob


def say(writer, reader, text, seconds=15):
    """One writes, the other one sees it, the writer sees that he did."""
    writer.type(text + '\r')
    reader.wait_for(lambda screen: screen.line_with(text), f'{text} arrives', seconds)
    writer.wait_for(lambda screen: shows_tick(screen, text, '✓✓', READ_COLOUR), f'{text} is read', seconds)


def leave(*screens):
    for screen in screens:
        screen.type('\x04')
        expect_equal(screen.finish(), 0, 'exit code of chat')


# ---- cases ----

@case
def comes_up(rig):
    """make run-cluster says where it listens and what to type; all of it is ready; codes of sign-ups are shown"""
    for words in ('2 workers of each role', './galka --profile alice --server 127.0.0.1:', 'Logs are in '):
        expect(rig.main.process.out.find(re.escape(words)), f'{words!r} in {rig.main.process.out.lines}')
    status = rig.main.call('status').splitlines()
    expect_equal([line.split()[1] for line in status], ['ready'] * 11 + ['runs'] * 3, f'status: {status}')
    for name in ('alice', 'bob'):
        rig.sign_up(rig.main, name)
    expect('@alice' in rig.galka('bob', 'people', '@ali'), 'people @ali')


@case
def a_second_time(rig):
    """a cluster in the same folder, or on the same port, is refused in one line"""
    for words, more in (('runs already', ()), (f'port {rig.main.port} is taken', ('--dir', rig.main.folder + '-other'))):
        done = subprocess.run([f'{rig.root}/tools/cluster', '--dir', rig.main.folder, '--galkad', rig.galkad, '--port', str(rig.main.port), *more, 'start'],
                              capture_output=True, text=True, timeout=60, check=False)
        expect_equal((done.returncode, done.stderr.count('\n')), (1, 1), f'{done.stdout}{done.stderr}')
        expect(words in done.stderr, done.stderr)
    expect(not os.path.exists(rig.main.folder + '-other'), 'nothing is left of it')


@case
def ticks(rig):
    """two people on two frontends: a line gets ✓, then ✓✓, then its colour"""
    alice = chat(rig, 'alice', '@bob')
    alice.type('hello bob\r')
    alice.wait_for(lambda screen: shows_tick(screen, 'hello bob', '✓'), 'one tick')
    tail = rig.galka_leader('bob', '--json', 'tail')  # receives what comes; only a chat reads it
    alice.wait_for(lambda screen: shows_tick(screen, 'hello bob', '✓✓'), 'two ticks')
    wait_until(lambda: rig.main.spread() == [1, 1], 'each is on a frontend of his own')
    tail.signal(signal.SIGTERM)
    expect_equal(tail.wait(), 0, 'exit code of tail')
    leave(alice)
    alice, bob = chat_apart(rig)
    bob.wait_for(lambda screen: screen.line_with('hello bob'), 'bob sees it')
    alice.wait_for(lambda screen: shows_tick(screen, 'hello bob', '✓✓', READ_COLOUR), 'coloured ticks')
    say(bob, alice, 'hello alice')
    leave(alice, bob)


@case
def without_the_balancer(rig):
    """who connects to a frontend itself, and through haproxy: both are served"""
    carol, dave = rig.main.import_users('carol', 'dave')
    room = wire.personal_room(carol.user, dave.user)
    clients = [wire.Client(rig.definition, port) for port in (rig.main.frontend_port(0), rig.main.port)]
    with clients[0], clients[1]:
        for client, user in zip(clients, (carol, dave)):
            expect_equal(client.hello().name, 'welcome', 'answer to Hello')
            expect_equal(client.join(user).name, 'joined', f'answer to Join of {user.name}')
        for writer, reader, text in ((*clients, 'straight'), (*clients[::-1], 'through haproxy')):
            expect_equal(writer.write(room, text).body['outcomes'][0].get('status', 0), 0, f'outcome of {text}')
            expect_equal(reader.wait_for('delivery').body['row']['text'], text, 'what arrives')


@case
def browsers(rig):
    """through haproxy, with TLS and without: the page comes, WebSocket opens, and who uses it talks with who does not"""
    context = ssl.create_default_context(cafile=rig.certificates.path('ca.pem'))
    erin, frank = rig.main.import_users('erin', 'frank')
    room = wire.personal_room(erin.user, frank.user)
    for secure, scheme in ((lambda plain: plain, 'http'), (lambda plain: context.wrap_socket(plain, server_hostname='localhost'), 'https')):
        with Asker(rig.main.port, secure) as asker:
            expect_equal(asker.ask('/').body.decode(), PAGE, 'the page')
        for origin, status in ((f'{scheme}://localhost', 101), ('https://elsewhere.example', 403)):
            with Asker(rig.main.port, secure) as asker:
                expect_equal(upgrade(asker, Origin=origin).status, status, origin)
        with rig.main.joined(erin, secure=lambda plain, secure=secure: WebSocket(secure(plain))) as one, rig.main.joined(frank) as other:
            for writer, reader, text in ((one, other, f'by {scheme}'), (other, one, 'by neither')):
                expect_equal(writer.write(room, text).body['outcomes'][0].get('status', 0), 0, f'outcome of {text}')
                expect_equal(reader.wait_for('delivery').body['row']['text'], text, 'what arrives')


@case
def sign_out(rig):
    """a device that is signed out from the other frontend is closed"""
    rig.galka('bob2', '--server', f'127.0.0.1:{rig.main.port}', 'signin', 'bob', '--password-file', rig.password_file())
    other, = [device for device in rig.galka_json('bob', 'devices') if not device['current']]
    wait_until(lambda: rig.main.spread() == [0, 0], 'nobody is connected')
    tail = rig.galka_leader('bob2', 'tail')
    wait_until(lambda: sum(rig.main.spread()) == 1, 'the device is connected')
    first = chat(rig, 'alice', '@bob')  # so that one is on each
    wait_until(lambda: rig.main.spread() == [1, 1], 'each is on a frontend of his own')
    rig.galka('bob', 'signout', other['device'])
    expect_equal(tail.wait(), 4, 'exit code of tail')
    leave(first)


@case
def a_worker_is_killed(rig):
    """a session worker is killed in the middle: the chat goes on, and again when there are two"""
    alice, bob = chat_apart(rig)
    say(alice, bob, 'before the loss')
    killed = rig.main.pids()['session-0']
    alice.type('into the gap\r')
    rig.main.call('kill', 'session-0')
    say(bob, alice, 'with one worker', 40)
    alice.wait_for(lambda screen: shows_tick(screen, 'into the gap', '✓✓', READ_COLOUR), 'what fell into the gap', 40)
    wait_until(lambda: rig.main.process.out.find('session-0 has ended'), 'it is told')
    rig.main.call('start', 'session-0')
    rig.main.read_env()
    expect(rig.main.pids()['session-0'] != killed, 'another process')
    wait_until(lambda: rig.main.number('session-0', 'galka_bus_partitions{') == 6, 'it has its half again', 60)
    say(alice, bob, 'with two again', 40)
    expect_equal([bob.text().count(text) for text in ('into the gap', 'with one worker')], [1, 1], 'how often bob sees them')
    leave(alice, bob)


@case
def a_frontend_goes(rig):
    """a frontend is told to end: its client moves to the other one and nothing is lost; it is chosen again once it is back"""
    alice, bob = chat_apart(rig)
    gone = 'frontend-0'
    alice.type('before it goes\r')
    rig.main.call('end', gone)
    for number in range(3):
        alice.type(f'alice {number}\r')
        bob.type(f'bob {number}\r')
    for screen, other in ((alice, 'bob'), (bob, 'alice')):
        screen.wait_for(lambda screen, other=other: screen.line_with(f'{other} 2'), f'what {other} wrote', 40)
    alice.wait_for(lambda screen: shows_tick(screen, 'before it goes', '✓✓', READ_COLOUR), 'what was written before', 40)
    expect_equal(rig.main.number('frontend-1', 'galka_frontend_ready'), 2, 'clients of the other one')
    for screen in (alice, bob):
        for text in ('before it goes', *(f'{name} {number}' for name in ('alice', 'bob') for number in range(3))):
            expect_equal(screen.text().count(text), 1, f'how often {text!r} is on the screen')
    rig.main.call('start', gone)
    rig.main.read_env()
    leave(alice)
    wait_until(lambda: rig.main.spread() == [0, 1], 'alice has gone', 30)
    time.sleep(1.5)  # until haproxy has looked at it again
    alice = chat(rig, 'alice', '@bob')
    wait_until(lambda: rig.main.spread() == [1, 1], 'she is on the one that is back')
    say(alice, bob, 'as before')
    leave(alice, bob)


def own_address():
    """One of this machine that is not loopback: to be limited as others are."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(('192.0.2.1', 9))  # sends nothing
        except OSError as error:
            raise Skip('this machine has no address but loopback') from error
        return probe.getsockname()[0]


@case
def real_addresses(rig):
    """behind haproxy too, an address has so many connections and no more, and others do not suffer for it"""
    address = own_address()
    wait_until(lambda: rig.main.spread() == [0, 0], 'nobody is connected')
    before = sum(rig.main.number(f'frontend-{index}', 'galka_frontend_turned_away_total') for index in (0, 1))
    clients, welcomed = [], 0
    try:
        for _ in range(2 * ADDRESS_CONNECTIONS + 2):
            clients.append(wire.Client(rig.definition, rig.main.port, source=address))
            welcomed += clients[-1].hello().name == 'welcome'
        expect_equal(welcomed, 2 * ADDRESS_CONNECTIONS, 'so many are served on two frontends')
        turned_away = sum(rig.main.number(f'frontend-{index}', 'galka_frontend_turned_away_total') for index in (0, 1)) - before
        expect_equal(turned_away, 2, 'and so many turned away')
        rig.galka('alice', 'rooms')
    finally:
        for client in clients:
            client.close()


def runs(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8', errors='replace') as file:
            return file.read().rpartition(')')[2].split()[0] != 'Z'
    except FileNotFoundError:
        return False


@case
def ends(rig):
    """Ctrl-C ends all of it, and what was said is there the next time"""
    folder, pids = rig.main.folder, rig.main.pids()
    tail = rig.galka_leader('alice', 'tail')
    rig.main.process.signal(signal.SIGINT)
    expect_equal(rig.main.process.wait(60), 0, f'exit code ({rig.main.process.err.lines})')
    for name, pid in pids.items():
        expect(not runs(pid), f'{name} has ended')
    tail.end()
    rig.main = Together(rig, folder, ()).start()
    expect('as before' in rig.galka('alice', '--server', f'127.0.0.1:{rig.main.port}', 'history', '@bob'), 'what was said before')


sys.exit(suite.run(BalancedRig))
