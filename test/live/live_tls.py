#!/usr/bin/python3
"""TLS on the same port as plain frames: galka and others over it, certificates that are not to be trusted, new ones while people talk. See rig.py for the
arguments."""
import fcntl
import os
import pty
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import termios
import time

import wire
from certificates import Certificates
from rig import Rig
from tap import Skip, Suite, expect, expect_equal, wait_until

suite = Suite()
case = suite.case
NO_LINK = 3
HANDSHAKE_SECONDS = 10
PROXY_HEADER = bytes.fromhex('0d0a0d0a000d0a515549540a') + b'\x21\x11' + bytes([0, 12, 203, 0, 113, 9, 127, 0, 0, 1, 0x30, 0x39, 0x10, 0x9f])


class TlsRig(Rig):
    def __enter__(self):
        self.certificates = Certificates(os.path.join(self.folder, 'certificates'))
        self.live = self.certificates.path('live')  # what the main server has: changes
        self.install('good')
        self.main = self.server('--tls-certificate', f'{self.live}.pem', '--tls-key', f'{self.live}.key', '--frontends', '2', '--dev')
        self.alice, self.bob = self.main.add_users('alice', 'bob')
        self.main.start()
        return self

    def install(self, name):
        for ending in ('pem', 'key'):
            shutil.copy(self.certificates.path(f'{name}.{ending}'), f'{self.live}.{ending}')

    def secure(self, plain):
        context = ssl.create_default_context(cafile=self.certificates.path('ca.pem'))
        return context.wrap_socket(plain, server_hostname='localhost')

    def served(self, port=None):
        """The certificate that a newcomer gets, as bytes."""
        with socket.create_connection(('127.0.0.1', port or self.main.port), timeout=10) as plain:
            with self.secure(plain) as secured:
                return secured.getpeercert(binary_form=True)

    def authority(self):
        return '--ca', self.certificates.path('ca.pem')

    def sign_up_there(self, name, *where):
        """An account through galka at that address."""
        signup = self.galka_start(name, *where, 'signup', '--email', f'{name}@example.org', '--name', name, '--display', name.capitalize(),
                                  '--password-file', self.password_file())
        signup.say(self.main.code_for(f'{name}@example.org'))
        expect_equal(signup.wait(), 0, f'signup of {name}: {signup.out.lines}{signup.err.lines}')


@case
def both_in_one_room(rig):
    """who comes over TLS and who comes plain talk in one room, through one port"""
    rig.sign_up_there('carol', '--server', f'tls://localhost:{rig.main.port}', *rig.authority())
    rig.sign_up_there('dave', '--server', f'127.0.0.1:{rig.main.port}')
    # Address and authority are kept: from now on they go without saying.
    rig.galka('carol', 'send', '--wait', '@dave', 'under seal')
    rig.galka('dave', 'send', '--wait', '@carol', 'on a postcard')
    for name in ('carol', 'dave'):
        other = 'dave' if name == 'carol' else 'carol'
        texts = wait_until(lambda: (got := [row['text'] for row in rig.galka_json(name, 'history', f'@{other}')]) and len(got) == 2 and got,
                           f'{name} has both')
        expect_equal(sorted(texts), ['on a postcard', 'under seal'], f'what {name} sees')
    tail = rig.galka_leader('carol', 'tail', '--json')
    rig.galka('dave', 'send', '--wait', '@carol', 'live')
    wait_until(lambda: any(line.get('text') == 'live' for line in tail.json()), 'it comes over TLS at once')
    # By another address of the same server, which the certificate names too.
    tail.end()
    rig.galka('carol', '--server', f'tls://127.0.0.1:{rig.main.port}', 'send', '--wait', '@dave', 'by number')


@case
def large_and_many(rig):
    """the largest messages, and many of them, pass as they are"""
    room = wire.personal_room(rig.alice.user, rig.bob.user)
    texts = [chr(ord('a') + number % 26) * 16384 for number in range(40)]
    with rig.main.joined(rig.alice, secure=rig.secure) as alice, rig.main.joined(rig.bob, secure=rig.secure) as bob:
        for text in texts:
            expect_equal(alice.write(room, text).name, 'written', 'answer')
        for number, text in enumerate(texts, 1):
            delivery = bob.wait_for('delivery').body
            expect_equal(delivery['number'], number, 'number')
            expect(text.encode() in repr(delivery).encode(), 'text')


@case
def not_to_be_trusted(rig):
    """a certificate that is expired, for another name, by somebody unknown or by itself is refused, and says what to do"""
    plain = rig.server(name='plain').start()
    lines = (('expired', 'has expired', rig.authority()), ('elsewhere', 'for another name', rig.authority()),
             ('unknown', 'nobody who is trusted here has signed it', rig.authority()), ('self', 'give it with --ca', rig.authority()),
             ('good', 'nobody who is trusted here', ()), (None, 'plain://HOST:PORT', rig.authority()))
    for name, words, trust in lines:
        server = rig.server(*rig.certificates.options(name), name=f'with-{name}-{len(trust)}').start() if name else plain
        before = len(server.process.out.lines)
        rig.galka(f'wary-{name}-{len(trust)}', '--server', f'tls://localhost:{server.port}', *trust, 'signup', '--email', 'e@example.org', '--name',
                  'eve', '--display', 'Eve', '--password-file', rig.password_file(), code=NO_LINK)
        expect(words in rig.last_error and len(rig.last_error.splitlines()) == 1, f'{name}: {rig.last_error}')
        expect_equal(len(server.process.out.lines), before, f'nothing was said to {name}')
        expect_equal(server.stop(), 0, 'exit code')
        if name == 'expired':
            expect(server.process.err.find(r'event="tls.certificate_has_expired"'), 'the server warned at its start')


@case
def a_self_signed_one_that_is_known(rig):
    """a certificate that signed itself is good for who was given it"""
    server = rig.server(*rig.certificates.options('self'), name='itself').start()
    rig.galka('knows', '--server', f'tls://localhost:{server.port}', '--ca', rig.certificates.path('self.pem'), 'signin', 'nobody', '--password-file',
              rig.password_file(), code=1)
    expect('wrong name or password' in rig.last_error, rig.last_error)


@case
def addresses_and_authorities(rig):
    """an address or authority that cannot be right is refused before anything is sent"""
    for words, what in ((('--server', 'https://localhost'), 'is no server'), (('--server', 'tls://'), 'is no server'),
                        (('--server', 'tls://localhost', '--ca', '/nowhere'), '/nowhere: No such file'),
                        (('--server', 'tls://localhost', '--ca', '/dev/null'), 'is empty'),
                        (('--server', 'tls://localhost', '--ca', rig.password_file()), 'there are none in it')):
        rig.galka('careless', *words, 'signin', 'nobody', '--password-file', rig.password_file(), code=2)
        expect(what in rig.last_error and len(rig.last_error.splitlines()) == 1, f'{words}: {rig.last_error}')


@case
def renewed(rig):
    """on SIGHUP newcomers get the new certificate, who is there goes on, on both frontends; a broken one changes nothing"""
    first = rig.served()
    room = wire.personal_room(rig.alice.user, rig.bob.user)
    old = [rig.main.joined(rig.bob, secure=rig.secure) for _ in range(8)]

    def told(event, count):
        def lines():
            return [line for line in rig.main.process.err.lines if f'event="{event}"' in line]
        rig.main.process.signal(signal.SIGHUP)
        return wait_until(lambda: len(lines()) == count and lines()[-1], f'{event} {count}')

    rig.certificates.make('renewed', key='rsa:2048')
    rig.install('renewed')
    expect(first == rig.served(), 'nothing happens before it is told')
    told('tls.reloaded', 1)
    second = rig.served()
    expect(second != first, 'newcomers get the new one')
    for _ in range(6):
        expect_equal(rig.served(), second, 'on every frontend')
    # A key that is not its own; then no file at all.
    shutil.copy(rig.certificates.path('good.key'), f'{rig.live}.key')
    expect('does not belong to the certificate' in told('tls.reload_failed', 1), 'the line says why')
    os.remove(f'{rig.live}.pem')
    expect('No such file' in told('tls.reload_failed', 2), 'the line says why')
    expect_equal(rig.served(), second, 'it goes on with what it had')
    rig.install('good')
    told('tls.reloaded', 2)
    expect_equal(rig.served(), first, 'the good one again')
    with rig.main.joined(rig.alice, secure=rig.secure) as alice:
        alice.write(room, 'after all that')
    for client in old:
        client.wait_for('delivery')
        client.close()
    expect(rig.main.runs(), 'it runs')


@case
def versions(rig):
    """TLS 1.2 and 1.3 with forward secrecy, nothing older and nothing weaker, no compression, no renegotiation"""
    def shake(*words, stdin=''):
        return subprocess.run(['openssl', 's_client', '-connect', f'127.0.0.1:{rig.main.port}', '-CAfile', rig.certificates.path('ca.pem'),
                               '-verify_return_error', '-servername', 'localhost', *words], input=stdin, capture_output=True, text=True, timeout=20,
                              check=False)
    for words in (('-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0'), ('-tls1', '-cipher', 'DEFAULT@SECLEVEL=0'), ('-tls1_2', '-cipher', 'AES128-SHA'),
                  ('-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-SHA'), ('-tls1_2', '-cipher', 'DHE')):
        done = shake(*words)
        expect(done.returncode != 0 and 'alert' in done.stderr, f'{words}: {done.returncode} {done.stderr}')
    for words, version in ((('-tls1_2',), 'TLSv1.2'), (('-tls1_3',), 'TLSv1.3')):
        done = shake(*words)
        expect_equal(done.returncode, 0, f'{version}: {done.stderr}')
        expect(re.search(rf'New, {version}|Protocol *: {version}', done.stdout), f'{version}: {done.stdout}')
        expect('Compression: NONE' in done.stdout and 'Verify return code: 0 (ok)' in done.stdout, done.stdout)
    done = shake('-tls1_2', stdin='R\n')
    expect('RENEGOTIATING' in done.stdout + done.stderr and 'no renegotiation' in done.stderr, f'renegotiation: {done.stdout[-300:]} {done.stderr}')
    rig.main.serves(rig.alice)


@case
def half_open(rig):
    """who begins a handshake and does not go on takes nothing from others, and is closed in time"""
    begun = time.monotonic()
    lingering = [socket.create_connection(('127.0.0.1', rig.main.port)) for _ in range(200)]
    for number, plain in enumerate(lingering):
        plain.sendall(bytes.fromhex('160301020001')[:1 + number % 6])
    with rig.main.joined(rig.bob, secure=rig.secure) as bob:
        room = wire.personal_room(rig.bob.user, rig.bob.user)
        expect_equal(bob.write(room, 'meanwhile').name, 'written', 'answer')
    for plain in lingering:
        plain.settimeout(30)
        try:
            expect_equal(plain.recv(1), b'', 'the end')
        except ConnectionResetError:
            pass
        plain.close()
    took = time.monotonic() - begun
    expect(HANDSHAKE_SECONDS - 1 < took < HANDSHAKE_SECONDS + 10, f'closed after {took:.1f} s')


@case
def only_tls(rig):
    """with --tls-only others than this machine itself must speak TLS, and a plain client hears so"""
    server = rig.server(*rig.certificates.options('good'), '--tls-only', '--proxy-from', '127.0.0.1', name='only')
    user, = server.add_users('frank')
    server.start()
    with wire.Client(rig.definition, server.port, first=PROXY_HEADER) as client:
        client.send('hello', {'version_min': 1, 'version_max': 1})
        answer = client.read()
        expect_equal((answer.name, answer.body['code']), ('error', rig.error('NEEDS_TLS')), 'answer to a plain Hello')
    with server.joined(user, first=PROXY_HEADER, secure=rig.secure) as client:
        expect_equal(client.write(wire.personal_room(user.user, user.user), 'sealed').name, 'written', 'answer')
    own = rig.server(*rig.certificates.options('good'), '--tls-only', name='own')
    grace, = own.add_users('grace')
    own.start().serves(grace)


@case
def behind_haproxy(rig):
    """haproxy hands connections on as they are: PROXY first, then TLS, which ends at the frontend"""
    if not shutil.which('haproxy'):
        raise Skip('haproxy is not installed')
    server = rig.server(*rig.certificates.options('good'), '--tls-only', '--proxy-from', '127.0.0.1', '--dev', name='behind').start()
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    path = os.path.join(rig.folder, 'haproxy.cfg')
    with open(path, 'w', encoding='ascii') as file:
        file.write('defaults\n mode tcp\n timeout connect 2s\n timeout client 1m\n timeout server 1m\n'
                   f'listen galka\n bind 127.0.0.1:{port}\n server frontend 127.0.0.1:{server.port} send-proxy-v2\n')
    rig.start(['haproxy', '-db', '-f', path])

    def answers():
        try:
            return rig.served(port)
        except OSError:
            return None
    wait_until(answers, 'haproxy hands on')
    main, rig.main = rig.main, server
    try:
        rig.sign_up_there('heidi', '--server', f'tls://localhost:{port}', *rig.authority())
    finally:
        rig.main = main
    rig.galka('heidi', 'send', '--wait', 'me', 'through and through')
    # An address that haproxy names, and no TLS: galka says what is wrong. (Its own address is this machine's, which may.)
    rig.galka('heidi', '--server', f'plain://localhost:{port}', 'send', '--wait', 'me', 'own machine')


@case
def bad_files(rig):
    """a certificate or key that cannot be used: one line that says which and why, exit code 1, and nothing is made"""
    path = rig.certificates.path
    rig.certificates.openssl('pkey', '-in', path('good.key'), '-aes128', '-passout', 'pass:secret', '-out', path('locked.key'))
    with open(path('noise.pem'), 'wb') as file:
        file.write(bytes(range(256)))
    unreadable = path('unreadable.key')
    shutil.copy(path('good.key'), unreadable)
    os.chmod(unreadable, 0)
    pem, key = path('good.pem'), path('good.key')
    lines = [((pem, path('unknown.key')), 'does not belong to the certificate'), ((path('nowhere.pem'), key), 'nowhere.pem: No such file'),
             ((pem, path('nowhere.key')), 'nowhere.key: No such file'), ((pem, path('locked.key')), 'locked with a password'),
             ((path('noise.pem'), key), 'noise.pem'), ((pem, rig.certificates.folder), 'Is a directory'), ((pem, pem), 'not in PEM'),
             ((pem, None), '--tls-key FILE'), ((None, key), '--tls-certificate FILE'), ((None, None), '--tls-only needs a certificate')]
    if os.getuid() != 0:
        lines.append(((pem, unreadable), 'Permission denied'))
    for (certificate, own), words in lines:
        options = [*(('--tls-certificate', certificate) if certificate else ()), *(('--tls-key', own) if own else ()), '--tls-only']
        folder = os.path.join(rig.folder, 'never')
        done = subprocess.run([rig.galkad, '--data', folder, '--port', '0', *options, 'all'], capture_output=True, text=True, timeout=20, check=False)
        expect_equal(done.returncode, 1, f'{options}: {done.stderr}')
        said = [line for line in done.stderr.splitlines() if line.startswith('galkad: ')]
        expect(len(said) == 1 and words in said[0], f'{options}: {done.stderr}')
        expect(not os.path.exists(os.path.join(folder, 'galka.db')), 'nothing was made')


@case
def terminal_gone(rig):
    """a server whose terminal goes away ends in good order"""
    outer, inner = pty.openpty()

    def take_terminal():
        os.setsid()
        fcntl.ioctl(inner, termios.TIOCSCTTY, 0)
    server = rig.server(name='on-a-terminal').start(preexec_fn=take_terminal, pass_fds=(inner,))
    os.close(inner)
    os.close(outer)
    expect_equal(server.process.wait(20), 0, 'exit code')


sys.exit(suite.run(TlsRig))
