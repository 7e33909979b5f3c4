#!/usr/bin/python3
"""Browsers on the port of all others: the web app's files, and WebSocket, right and wrong. See rig.py for the arguments."""
import gzip
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

import wire
from certificates import Certificates
from rig import Rig
from tap import Skip, Suite, expect, expect_equal, wait_until
from web import BINARY, CLOSE, PING, TEXT, Asker, WebSocket, upgrade

suite = Suite()
case = suite.case
PAGE = b'<!doctype html><title>Galka</title><script type="module" src="/assets/app-1a2b3c.js"></script>'
SCRIPT = b'document.title = "it runs"\n' * 200
LARGE = os.urandom(3 << 20)  # larger than what may be queued
HEAD_SECONDS = 10  # for a whole head (frame_ms)


class WebRig(Rig):
    def __enter__(self):
        self.app = os.path.join(self.folder, 'app')
        for name, data in (('index.html', PAGE), ('index.html.gz', gzip.compress(PAGE)), ('index.html.br', b'as brotli'),
                           ('assets/app-1a2b3c.js', SCRIPT), ('assets/large-4d5e6f.wasm', LARGE), ('.secret', b'no'), ('sw.js', b'')):
            self.put(name, data)
        os.symlink('/etc/passwd', os.path.join(self.app, 'passwd.txt'))
        os.symlink('/etc', os.path.join(self.app, 'etc'))
        certificates = Certificates(os.path.join(self.folder, 'certificates'))
        self.context = ssl.create_default_context(cafile=certificates.path('ca.pem'))
        self.main = self.server('--web', self.app, '--origins', 'https://friend.example', '--frontends', '2', '--dev',
                                *certificates.options('good'))
        self.alice, self.bob = self.main.add_users('alice', 'bob')
        self.main.start()
        return self

    def put(self, name, data):
        path = os.path.join(self.app, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as file:
            file.write(data)

    def secure(self, plain):
        return self.context.wrap_socket(plain, server_hostname='localhost')

    def ask(self, *words, **fields):
        with Asker(self.main.port) as asker:
            return asker.ask(*words, **fields)


@case
def files(rig):
    """the page, its script and a large file come whole, with types and with what keeps them safe; HEAD says as much"""
    for secure in (None, rig.secure):
        with Asker(rig.main.port, secure) as asker:
            for path, data, kind, keeps in (('/', PAGE, 'text/html; charset=utf-8', 'no-cache'),
                                            ('/index.html?x=1', PAGE, 'text/html; charset=utf-8', 'no-cache'),
                                            ('/assets/app-1a2b3c.js', SCRIPT, 'text/javascript; charset=utf-8', 'public, max-age=31536000, immutable'),
                                            ('/assets/large-4d5e6f.wasm', LARGE, 'application/wasm', 'public, max-age=31536000, immutable'),
                                            ('/sw.js', b'', 'text/javascript; charset=utf-8', 'no-cache')):
                answer, head = asker.ask(path), asker.ask(path, 'HEAD')
                expect_equal((answer.status, head.status), (200, 200), f'status of {path}')
                expect(answer.body == data, f'{path} is whole')
                expect_equal((answer.fields['content-type'], answer.fields['cache-control']), (kind, keeps), path)
                expect_equal({name: value for name, value in answer.fields.items() if name != 'date'},
                             {name: value for name, value in head.fields.items() if name != 'date'}, 'fields of HEAD')
                expect("default-src 'none'; script-src 'self' 'wasm-unsafe-eval';" in answer.fields['content-security-policy'], 'the policy')
                expect_equal(answer.fields['x-content-type-options'], 'nosniff', 'sniffing')
                expect_equal('strict-transport-security' in answer.fields, secure is not None, 'HSTS over TLS alone')


@case
def caching(rig):
    """what is there already is not sent again, and compressed siblings go to who takes them"""
    plain = rig.ask('/')
    expect_equal(rig.ask('/', If_None_Match=plain.fields['etag']).status, 304, 'status')
    expect_equal(rig.ask('/', If_None_Match='"x", W/' + plain.fields['etag']).status, 304, 'status of a list')
    expect_equal(rig.ask('/', If_None_Match='"x"').status, 200, 'status of another')
    for accepts, coding in (('gzip, deflate, br', 'br'), ('gzip', 'gzip'), ('br;q=0, gzip;q=0.5', 'gzip'), ('identity', None)):
        answer = rig.ask('/', Accept_Encoding=accepts)
        expect_equal(answer.fields.get('content-encoding'), coding, accepts)
        expect_equal(answer.fields['vary'], 'Accept-Encoding', 'vary')
        expect(answer.fields['etag'] == plain.fields['etag'] or coding, 'another tag for other bytes')
        if coding == 'gzip':
            expect_equal(gzip.decompress(answer.body), PAGE, 'the page')


@case
def nothing_else(rig):
    """what is not of the app is not given out, whatever the path; the health pages are not here"""
    for path in ('/nothing', '/.secret', '/passwd.txt', '/etc/passwd', '/../etc/passwd', '/%2e%2e/etc/passwd', '//etc/passwd', '/assets/../.secret',
                 '/index.html.gz', '/livez', '/readyz', '/metrics', '/index.html/'):
        expect_equal(rig.ask(path).status, 404, path)


@case
def refusals(rig):
    """methods, bodies, lengths and forms that are not wanted are refused by name, and the connection ends"""
    long = 'a' * 9000
    for text, status in (('POST / HTTP/1.1\r\nHost: x\r\n\r\n', 405), ('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc', 413),
                         (f'GET /{long} HTTP/1.1\r\n', 414), (f'GET / HTTP/1.1\r\nA: {long}\r\n', 431),
                         ('GET / HTTP/1.1\r\n' + 'A: b\r\n' * 100, 431), ('GET / HTTP/1.1\r\n\r\n', 400), ('Nonsense\r\n\r\n', 400),
                         ('GET / HTTP/2.0\r\nHost: x\r\n\r\n', 505)):
        with Asker(rig.main.port) as asker:
            asker.send(text)
            expect_equal(asker.answer().status, status, text[:40])
            expect(asker.ended(), f'the end after {status}')


@case
def slow_and_heavy(rig):
    """heads that come slowly are given up, heads without end are not kept, and others are served meanwhile"""
    before = rig.main.memory_kib()
    askers = [Asker(rig.main.port, timeout=2 * HEAD_SECONDS) for _ in range(300)]
    start = time.monotonic()
    for number, asker in enumerate(askers):
        asker.send('GET / HTTP/1.1\r\nHost: x\r\nA: ' + 'b' * (7000 if number % 2 else 1))
    expect_equal(rig.ask('/').status, 200, 'status for another one')
    for asker in askers[:3]:
        time.sleep(0.1)
        asker.send('b')
    for asker in askers:
        expect_equal(asker.answer().status, 408, 'status')
    expect(0.8 * HEAD_SECONDS < time.monotonic() - start < 2 * HEAD_SECONDS, f'after {time.monotonic() - start:.1f} s')
    for asker in askers:
        asker.socket.close()
    rig.expect_grown(rig.main, before, 8 << 10)
    with Asker(rig.main.port) as bomb:
        try:
            for _ in range(1000):
                bomb.send('A' * 65536)
        except OSError:
            pass
    rig.expect_grown(rig.main, before, 8 << 10)


@case
def whole_conversation(rig):
    """an account is made and people talk over WebSocket, in frames of any size, beside who speaks without"""
    room = wire.personal_room(rig.alice.user, rig.bob.user)
    rig.sign_up(rig.main, 'carol')  # the port is still that of others
    for step, secure in ((1 << 20, lambda plain: plain), (7, lambda plain: plain), (1000, rig.secure)):
        with rig.main.joined(rig.alice, secure=lambda plain: WebSocket(secure(plain), step)) as alice, rig.main.joined(rig.bob) as bob:
            for text in ('hello', 'x' * 16000):
                expect_equal(alice.write(room, text).name, 'written', 'answer')
                expect_equal(bob.wait_for('delivery').body['row']['text'], text, 'what arrives')
                expect_equal(bob.write(room, text[::-1]).name, 'written', 'answer')
                expect_equal(alice.wait_for('delivery').body['row']['text'], text[::-1], 'what comes back')
    with rig.main.client(secure=WebSocket) as dora:
        mail = 'dora@example.org'
        answer = dora.ask('sign_up', {'email': mail, 'user_name': 'dora', 'display_name': 'Dora', 'password': 'correct horse battery'})
        expect(answer.name != 'error', f'answer to sign_up: {answer}')
        expect(rig.main.code_for(mail), 'a code comes')


@case
def in_parts(rig):
    """a message may come byte by byte, with pings between its frames"""
    with rig.main.client(secure=WebSocket) as client:
        frame = rig.definition.frame('ping', {'echo': 7})
        client.socket.send_frame(BINARY, frame[:3])
        for number, byte in enumerate(frame[3:-1]):
            client.socket.send_frame(0, bytes([byte]))
            client.socket.send_frame(0x80 | PING, str(number).encode())
        client.socket.send_frame(0x80, frame[-1:])
        expect_equal(client.wait_for('pong').body['echo'], 7, 'echo')
        expect_equal(client.socket.pongs, [str(number).encode() for number in range(len(frame) - 4)], 'pongs')


@case
def rules(rig):
    """text, what is not masked, too large, or out of order is closed with its code; so is a close"""
    for frames, code in (([(0x80 | TEXT, b'hi', True)], 1003), ([(0x80 | BINARY, b'abc', False)], 1002), ([(0x80 | BINARY, bytes(1 << 17), True)], 1009),
                         ([(0x80, b'abc', True)], 1002), ([(BINARY, b'\0', True), (0x80 | BINARY, b'\0', True)], 1002), ([(0xc2, b'a', True)], 1002),
                         ([(PING, b'a', True)], 1002), ([(BINARY, bytes(40000), True), (0, bytes(40000), True)], 1009),
                         ([(0x80 | CLOSE, b'\x03\xe8', True)], 1000), ([(0x80 | CLOSE, b'\x0f\xa1bye', True)], 4001)):
        with wire.Client(rig.definition, rig.main.port, secure=WebSocket) as client:
            for first, data, masked in frames:
                try:
                    client.socket.send_frame(first, data, masked)
                except OSError:
                    pass
            # What ours said of the bytes, as an error and a bye, comes before.
            got = client.socket.until_closed()
            expect(got == code or (code == 1009 and got == 1000), f'code for {frames[0][0]:x}: {got}, expected {code}')


@case
def origins(rig):
    """pages of this server and of those it names may connect, others and nobody's may not"""
    for fields, status in (({}, 101), ({'Origin': 'http://localhost'}, 101), ({'Origin': 'https://friend.example'}, 101),
                           ({'Origin': 'https://evil.example'}, 403), ({'Origin': 'null'}, 403), ({'Origin': 'http://localhost:1'}, 403),
                           ({'Sec-WebSocket-Version': '8'}, 426), ({'Upgrade': 'h2c'}, 426), ({'key': 'short'}, 400)):
        with Asker(rig.main.port) as asker:
            expect_equal(upgrade(asker, **fields).status, status, str(fields))
    with Asker(rig.main.port, rig.secure) as asker:
        expect_equal(upgrade(asker, Origin='http://localhost').status, 403, 'a page that came without TLS')
    with Asker(rig.main.port, rig.secure) as asker:
        expect_equal(upgrade(asker, Origin='https://localhost').status, 101, 'a page that came with it')


@case
def slow_readers(rig):
    """who reads a large file slowly gets it, and costs no memory meanwhile"""
    before = rig.main.memory_kib()
    askers = []
    for _ in range(40):
        askers.append(Asker(rig.main.port))
        if len(askers) > 1:  # the first one will read
            askers[-1].socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        askers[-1].send('GET /assets/large-4d5e6f.wasm HTTP/1.1\r\nHost: x\r\n\r\n')
    time.sleep(0.5)
    rig.expect_grown(rig.main, before, 8 << 10)
    expect_equal(askers[0].answer().body == LARGE, True, 'it is whole')
    for asker in askers:
        asker.socket.close()


@case
def half_closed(rig):
    """who ends his side behind the request gets the whole answer, and then the end"""
    for path, body in (('/assets/large-4d5e6f.wasm', LARGE), ('/assets/app-1a2b3c.js', SCRIPT)):
        with Asker(rig.main.port) as asker:
            asker.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            asker.send(f'GET {path} HTTP/1.1\r\nHost: x\r\n\r\n')
            asker.socket.shutdown(socket.SHUT_WR)
            time.sleep(0.3)
            expect(asker.answer().body == body, f'{path} is whole')
            expect(asker.ended(), 'the end behind it')


@case
def reload(rig):
    """SIGHUP brings a new build; one that is broken leaves what there was, and says so"""
    rig.put('index.html', PAGE + b'new')
    rig.put('assets/app-9z8y7x.js', b'new')
    expect_equal(rig.ask('/').body, PAGE, 'the page before')
    rig.main.process.signal(signal.SIGHUP)
    wait_until(lambda: all(rig.ask('/').body == PAGE + b'new' for _ in range(20)), 'the new page, of both frontends')
    wait_until(lambda: rig.ask('/assets/app-9z8y7x.js').status == 200, 'its script')
    os.rename(os.path.join(rig.app, 'index.html'), os.path.join(rig.app, 'away'))
    rig.main.process.signal(signal.SIGHUP)
    wait_until(lambda: rig.main.process.err.find('web.reload_failed'), 'a line in the log')
    expect_equal(rig.ask('/').body, PAGE + b'new', 'the page still')
    os.rename(os.path.join(rig.app, 'away'), os.path.join(rig.app, 'index.html'))


@case
def bad_folders(rig):
    """a folder that is no app is one clear line; doctor looks too"""
    empty = os.path.join(rig.folder, 'empty')
    os.mkdir(empty)
    heavy = os.path.join(rig.folder, 'heavy')
    os.mkdir(heavy)
    with open(os.path.join(heavy, 'index.html'), 'wb') as file:
        file.truncate(17 << 20)
    for folder, words in ((empty, 'there is no index.html'), ('/nowhere/at/all', 'No such file'), (heavy, '16 MiB')):
        done = subprocess.run([rig.galkad, '--data', os.path.join(rig.folder, 'other'), '--port', '0', '--log-level', 'warning', '--web', folder, 'all'],
                              capture_output=True, text=True, timeout=30, check=False)
        expect_equal((done.returncode, done.stderr.count('\n')), (1, 1), done.stderr)
        expect(words in done.stderr and '--web' in done.stderr, done.stderr)
    for folder, verdict in ((empty, 'fail'), (rig.app, 'ok')):
        done = subprocess.run([rig.galkad, '--data', os.path.join(rig.folder, 'other'), '--web', folder, '--json', 'doctor'], capture_output=True, text=True,
                              timeout=60, check=False)
        line, = [line for line in map(json.loads, done.stdout.splitlines()) if line['check'] == 'web']
        expect_equal(line['verdict'], verdict, f'what doctor says: {line}')


@case
def a_browser(rig):
    """a real browser runs the page's script, which connects by WebSocket, and the policy lets it"""
    program = next((path for path in ('/usr/bin/chromium', '/usr/bin/chromium-browser') if os.path.exists(path)), None)
    if not program:
        raise Skip('there is no chromium')
    rig.put('try.html', b'<!doctype html><title>no</title><p id="p">nothing</p><script type="module" src="/try.js"></script>')
    rig.put('try.js', b'''const p = document.getElementById('p');
const s = new WebSocket((location.protocol === 'https:' ? 'wss://' : 'ws://') + location.host + '/ws');
s.binaryType = 'arraybuffer';
s.onopen = () => { p.textContent = 'open'; s.send(new Uint8Array([0, 0, 0, 5, 1, 8, 1, 16, 1])); };
s.onmessage = (event) => { p.textContent = 'heard ' + new Uint8Array(event.data)[4]; };
s.onerror = () => { p.textContent = 'error'; };
// The browser's clock jumps when nothing is awaited, and it does not count WebSocket as awaited.
for (let n = 0; n < 80 && !p.textContent.startsWith('heard'); n++)
  await fetch('/try.js?' + n);
''')
    rig.main.process.signal(signal.SIGHUP)
    wait_until(lambda: rig.ask('/try.js').status == 200, 'the page is there')
    done = subprocess.run([program, '--headless', '--no-sandbox', '--disable-gpu', f'--user-data-dir={rig.folder}/chromium', '--virtual-time-budget=20000',
                           '--dump-dom', f'http://127.0.0.1:{rig.main.port}/try.html'], capture_output=True, text=True, timeout=120, check=False)
    expect(f'heard {rig.definition.codes["welcome"]}' in done.stdout, f'what the page shows: {done.stdout} {done.stderr[-500:]}')


@case
def many_at_once(rig):
    """many browsers ask at once, and all get all"""
    wrong = []

    def load():
        try:
            with Asker(rig.main.port, timeout=30) as asker:
                for _ in range(5):
                    if asker.ask('/assets/app-1a2b3c.js').body != SCRIPT or not asker.ask('/').body.startswith(PAGE):
                        wrong.append('another body')
        except Exception as error:  # of another thread: told below
            wrong.append(repr(error))
    threads = [threading.Thread(target=load) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect_equal(wrong, [], 'what went wrong')


@case
def drained(rig):
    """a server that goes says bye, and closes the messages with 1001"""
    with rig.main.joined(rig.alice, secure=WebSocket) as alice:
        rig.main.process.signal(signal.SIGTERM)
        frames = alice.until_closed()
        expect_equal((frames[-1].name, frames[-1].body['code']), ('bye', rig.error('DRAINING')), 'the last frame')
        expect_equal(alice.socket.code, 1001, 'code')
    expect_equal(rig.main.process.wait(20), 0, 'exit code')


sys.exit(suite.run(WebRig))
