#!/usr/bin/python3
"""Letters through a real mail server (Exim, on ports and in a folder of its own): codes that arrive, TLS and passwords, what it refuses, a server
that is away. See rig.py for the arguments."""
import email
import email.policy
import mailbox
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from certificates import Certificates
from rig import Rig
from tap import Suite, expect, expect_equal, wait_until

suite = Suite()
case = suite.case
EXIM = shutil.which('exim4') or shutil.which('exim4', path='/usr/sbin')
USER, PASSWORD = 'galka', 'letters please'
FROM = 'galka@chat.example.org'
CONFIGURATION = r"""
primary_hostname = mail.example.org
spool_directory = {folder}/spool
log_file_path = {folder}/log/%s
pid_file_path = {folder}/pid
keep_environment =
local_interfaces = 127.0.0.1
daemon_smtp_ports = {plain} : {secure} : {tls}
tls_on_connect_ports = {tls}
tls_certificate = {certificate}
tls_privatekey = {key}
tls_advertise_hosts = ${{if eq{{$received_port}}{{{plain}}}{{}}{{*}}}}
auth_advertise_hosts = ${{if def:tls_in_cipher{{*}}{{}}}}
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_queue_per_connection = 0
acl_smtp_rcpt = recipient
begin acl
recipient:
  deny    message = there is no such person
          local_parts = nobody
  accept  condition = ${{if eq{{$received_port}}{{{plain}}}}}
  accept  authenticated = *
  deny    message = sign in first
begin routers
all:
  driver = accept
  transport = keep
begin transports
keep:
  driver = appendfile
  file = {folder}/letters
  user = {user}
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{name}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
"""


class MailServer:
    """Takes letters without a word at `plain`, and with TLS and a password at `secure` (STARTTLS) and `tls` (from the first byte)."""

    def __init__(self, rig):
        self.rig, self.process = rig, None
        self.user = pwd.getpwnam('Debian-exim')
        self.folder = tempfile.mkdtemp(prefix='galka-mail-', dir='/tmp')
        self.certificates = Certificates(os.path.join(rig.folder, 'certificates'))
        self.plain, self.secure, self.tls = ports(3)
        for name in ('spool', 'log'):
            os.mkdir(os.path.join(self.folder, name))
        for name in ('good.pem', 'good.key'):
            shutil.copy(self.certificates.path(name), self.folder)
        with open(os.path.join(self.folder, 'conf'), 'w', encoding='utf-8') as file:
            file.write(CONFIGURATION.format(folder=self.folder, plain=self.plain, secure=self.secure, tls=self.tls, user=self.user.pw_name, name=USER,
                                            password=PASSWORD, certificate=f'{self.folder}/good.pem', key=f'{self.folder}/good.key'))
        for path in [self.folder] + [os.path.join(self.folder, name) for name in os.listdir(self.folder) if name != 'conf']:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def start(self):
        self.process = self.rig.start([EXIM, '-C', os.path.join(self.folder, 'conf'), '-bdf', '-q2s'], start_new_session=True)
        wait_until(lambda: 'daemon started' in self.log('main') or not self.process.runs(), 'Exim starts')
        expect(self.process.runs(), f'Exim runs: {self.log("main")}{self.log("panic")}{self.process.err.lines}')
        return self

    def stop(self):
        os.killpg(self.process.process.pid, signal.SIGKILL)  # each connection has a process
        self.process.wait()
        os.remove(os.path.join(self.folder, 'log', 'main'))

    def log(self, name):
        try:
            with open(os.path.join(self.folder, 'log', name), encoding='utf-8', errors='replace') as file:
                return file.read()
        except FileNotFoundError:
            return ''

    def letters(self, to):
        """Those that arrived at that address."""
        path = os.path.join(self.folder, 'letters')
        if not os.path.exists(path):
            return []
        parse = email.message_from_binary_file
        found = mailbox.mbox(path, factory=lambda file: parse(file, policy=email.policy.default), create=False)
        return [letter for letter in found if letter['to'] == to]

    def code_for(self, to, seconds=20):
        letter = wait_until(lambda: self.letters(to)[-1:], f'a letter to {to}', seconds)[0]
        return letter, re.search(r'\b\d{6}\b', letter.get_content())[0]


def ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(('127.0.0.1', 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def server(rig, name, *options, password=None):
    """A server that gives letters away as these options say; not in dev mode: no code is on its screen."""
    made = rig.server('--log-level', 'info', '--mail-from', FROM, *options, name=name)
    return made.start(env=os.environ | ({'GALKA_SMTP_PASSWORD': password} if password else {}))


def asking(rig, main, name):
    return '--server', f'127.0.0.1:{main.port}', 'signup', '--email', f'{name}@example.org', '--name', name, '--password-file', rig.password_path


def ask_for_code(rig, main, name):
    rig.galka(name, *asking(rig, main, name), code=1)


def noted(main, pattern):
    return main.process.err.find(pattern)


@case
def a_code_arrives(rig):
    """the code of a sign-up arrives as a letter that a mail program reads, and makes the account"""
    rig.main = server(rig, 'plain', '--smtp', f'localhost:{rig.mail.plain}', '--smtp-tls', 'no')
    ask_for_code(rig, rig.main, 'alice')
    letter, code = rig.mail.code_for('alice@example.org')
    expect_equal((letter['from'], letter.get_content_type()), (FROM, 'text/plain'), 'headers')
    expect(code in letter['subject'] and letter['message-id'] and letter['date'], f'headers: {letter.items()}')
    rig.galka('alice', 'signup', '--code', code)
    expect(not os.path.exists(os.path.join(rig.main.folder, 'mail')), 'no folder of letters beside')


@case
def two_at_once(rig):
    """many letters at once all arrive, over few connections"""
    names = [f'many{number}' for number in range(24)]
    started = [rig.galka_start(name, *asking(rig, rig.main, name)) for name in names]
    for name in names:
        rig.mail.code_for(f'{name}@example.org', 10)
    for process in started:
        process.end()


@case
def refused(rig):
    """an address that the mail server refuses is told once, and holds up nobody"""
    ask_for_code(rig, rig.main, 'nobody')
    wait_until(lambda: noted(rig.main, r'mail\.refused.*reply=550'), 'the refusal is in the log')
    start = time.monotonic()
    ask_for_code(rig, rig.main, 'carol')
    rig.mail.code_for('carol@example.org')
    expect(time.monotonic() - start < 5, 'the next letter is not held up')


@case
def away(rig):
    """a mail server that is away gets the letter when it is back"""
    rig.mail.stop()
    ask_for_code(rig, rig.main, 'dave')
    wait_until(lambda: noted(rig.main, r'mail\.failed'), 'that is in the log')
    time.sleep(2)
    rig.mail.start()
    _, code = rig.mail.code_for('dave@example.org', 30)
    rig.galka('dave', 'signup', '--code', code)


@case
def starttls(rig):
    """with STARTTLS and a password, and with TLS from the first byte"""
    options = ('--smtp-ca', rig.mail.certificates.path('ca.pem'), '--smtp-user', USER)
    for name, port, how in (('erin', rig.mail.secure, 'starttls'), ('frank', rig.mail.tls, 'tls')):
        main = server(rig, how, '--smtp', f'localhost:{port}', '--smtp-tls', how, *options, password=PASSWORD)
        ask_for_code(rig, main, name)
        _, code = rig.mail.code_for(f'{name}@example.org')
        rig.galka(name, 'signup', '--code', code)
        main.stop()
    taken = [line for line in rig.mail.log('main').splitlines() if ' <= ' in line and f'A=plain:{USER}' in line]
    expect(len(taken) >= 2 and all('X=TLS1.' in line for line in taken), f'log: {rig.mail.log("main")}')


@case
def not_to_be_trusted(rig):
    """a wrong password, a certificate for another name or of others, a server without TLS: no letter goes there, and the log says why"""
    good = ('--smtp-ca', rig.mail.certificates.path('ca.pem'), '--smtp-user', USER)
    address = f'localhost:{rig.mail.secure}'
    for number, (options, password, words) in enumerate((
            (('--smtp', address, *good), 'wrong', 'reply=535'),
            (('--smtp', address, '--smtp-ca', rig.mail.certificates.path('other-ca.pem'), '--smtp-user', USER), PASSWORD, 'SSL'),
            (('--smtp', f'ip6-localhost:{rig.mail.plain}', *good), PASSWORD, 'mail.failed'),
            (('--smtp', f'localhost:{rig.mail.plain}', *good), PASSWORD, 'mail.failed'))):
        main = server(rig, f'wrong{number}', *options, password=password)
        ask_for_code(rig, main, f'grace{number}')
        wait_until(lambda: noted(main, r'mail\.failed'), f'it fails: {options}')
        expect(any(words in line for line in main.process.err.lines), f'{words}: {main.process.err.lines}')
        expect(not any(PASSWORD in line or 'wrong' in line.split('mail.failed')[-1] for line in main.process.err.lines), 'no password in the log')
        main.kill()
        expect_equal(rig.mail.letters(f'grace{number}@example.org'), [], 'letters')


def said(rig, *options, command=('all',)):
    """The one line that galkad ends with."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith('GALKA')}
    done = subprocess.run([rig.galkad, '--data', os.path.join(rig.folder, 'refusing'), '--port', '0', *options, *command], capture_output=True, text=True,
                          timeout=30, env=clean, check=False)
    expect_equal((done.returncode, len([line for line in done.stderr.splitlines() if line.startswith('galkad: ')])), (1, 1),
                 f'exit code and lines of {options}: {done.stdout}{done.stderr}')
    return done.stderr


@case
def bad_options(rig):
    """options that cannot be right: one line that says which, and nothing starts"""
    for options, words in ((('--smtp', 'a/b', '--mail-from', FROM), '--smtp'),
                           (('--smtp', 'host:port', '--mail-from', FROM), 'HOST:PORT'),
                           (('--smtp', 'localhost', '--smtp-tls', 'perhaps', '--mail-from', FROM), 'starttls, tls or no'),
                           (('--smtp', 'localhost'), '--mail-from'),
                           (('--smtp', 'localhost', '--mail-from', 'nobody'), '--mail-from'),
                           (('--mail-from', 'no body@example.org',), '--mail-from'),
                           (('--smtp', 'localhost', '--mail-from', FROM, '--smtp-user', 'me'), 'smtp-password')):
        expect(words in said(rig, *options), f'{options}: {words}')


@case
def doctor(rig):
    """galkad doctor signs in at the mail server, and says what is wrong"""
    def line(*options, password=PASSWORD):
        done = subprocess.run([rig.galkad, '--data', rig.main.folder, *options, 'doctor'], capture_output=True, text=True, timeout=60, check=False,
                              env=os.environ | {'GALKA_SMTP_PASSWORD': password})
        return next(line for line in done.stdout.splitlines() if line[6:].startswith('mail: '))
    good = ('--mail-from', FROM, '--smtp', f'localhost:{rig.mail.secure}', '--smtp-user', USER, '--smtp-ca', rig.mail.certificates.path('ca.pem'))
    expect_equal(line(*good), f'ok    mail: localhost takes letters, which come from {FROM}', 'it works')
    expect('fail' in line(*good, password='wrong') and '--smtp-user' in line(*good, password='wrong'), line(*good, password='wrong'))
    expect('fail' in line(*good[:-2]), line(*good[:-2]))
    closed, = ports(1)
    expect("Couldn't connect" in line('--mail-from', FROM, '--smtp', f'localhost:{closed}'), line('--mail-from', FROM, '--smtp', f'localhost:{closed}'))
    expect('warn' in line() and 'nobody sends them' in line(), line())


class MailRig(Rig):
    def __init__(self):
        super().__init__()
        self.mail = self.password_path = None

    def __enter__(self):
        super().__enter__()
        self.mail = MailServer(self).start()
        self.password_path = self.password_file()
        return self

    def __exit__(self, *arguments):
        super().__exit__(*arguments)
        shutil.rmtree(self.mail.folder, ignore_errors=True)


def main():
    if not EXIM or os.getuid() != 0:
        print('1..0 # SKIP ' + ('there is no Exim' if not EXIM else 'Exim is started by root alone'))
        return 0
    return suite.run(MailRig)


if __name__ == '__main__':
    sys.exit(main())
