#!/usr/bin/python3
"""What an operator does first, and when something is wrong: galkad setup on an empty folder, and galkad doctor, each of whose failing checks is
provoked. See rig.py for the arguments."""
import json
import os
import pty
import re
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time

from certificates import Certificates
from rig import Rig
from tap import Skip, Suite, expect, expect_equal, wait_until

suite = Suite()
case = suite.case
VERDICTS = ('ok', 'warn', 'fail')


def run(rig, *arguments, code=0, cwd=None, environment=None, **options):
    """galkad to its end: what it printed, or if it is to fail its one line."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith('GALKA')}
    done = subprocess.run([rig.galkad, *arguments], capture_output=True, text=True, timeout=60, check=False, cwd=cwd or rig.folder,
                          stdin=subprocess.DEVNULL, env=clean | (environment or {}), **options)
    expect_equal(done.returncode, code, f'exit code of {arguments}: {done.stdout}{done.stderr}')
    if code and done.stderr:
        expect_equal((done.stderr.count('\n'), done.stderr[:8]), (1, 'galkad: '), f'one line: {done.stderr}')
    return done.stderr or done.stdout


def free_port():
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        return str(one.getsockname()[1])


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def make_folder(rig, name):
    path = os.path.join(rig.folder, name)
    os.mkdir(path)
    return path


# ---- setup ----

def letter_code(folder, email):
    """The code in the newest letter to an address, as whoever carries letters finds it."""
    paths = sorted((os.path.join(folder, 'mail', name) for name in os.listdir(os.path.join(folder, 'mail'))), key=os.path.getmtime)
    for path in reversed(paths):
        with open(path, encoding='utf-8') as file:
            text = file.read()
        if f'To: {email}' in text and (found := re.search(r'^\s*(\d{6})\s*$', text, re.MULTILINE) or re.search(r'\b(\d{6})\b', text)):
            return found
    return None


class Started:
    """The server that setup made: its port, and codes from its letters."""

    def __init__(self, port, process, folder):
        self.port, self.process, self.folder = port, process, folder

    def code_for(self, email):
        return wait_until(lambda: letter_code(self.folder, email), f'a letter to {email}')[1]


@case
def two_commands(rig):
    """two commands on an empty folder make a server with an invitation: whom it was given to signs up, others do not, and two people talk"""
    place, port = make_folder(rig, 'two'), free_port()
    said = run(rig, 'setup', '--domain', 'localhost', '--port', port, '--password-kib', '1024', '--uses', '2', cwd=place)
    for name in ('galka-data/galkad.conf', 'galka-data/keys', 'galka-data/galka.db'):
        expect(f'{name}: made' in said, f'{name} is made: {said}')
    link = re.search(r'^    (https://localhost/i/\w{26})$', said, re.MULTILINE)
    expect(link and '    galkad all\n' in said and f'galka --server localhost:{port} signup --invite {link[1]}' in said, f'what to type: {said}')
    expect("In a browser the link opens the web app, once 'web' in" in said, f'what a browser needs: {said}')
    folder = os.path.join(place, 'galka-data')
    expect_equal({name: mode(os.path.join(folder, name)) for name in ('galkad.conf', 'keys', 'galka.db')},
                 dict.fromkeys(('galkad.conf', 'keys', 'galka.db'), 0o600), 'modes')
    expect_equal(mode(folder), 0o700, 'mode of the folder')
    process = rig.start([rig.galkad, 'all'], cwd=place)
    wait_until(lambda: process.out.find(f'listening on 127.0.0.1:{port}'), 'it listens where the file says')
    server = Started(port, process, folder)
    for name in ('sarah', 'tom'):
        sign_up(rig, server, name, link[1])
    refused = rig.galka_start('eve', '--server', f'127.0.0.1:{port}', 'signup', '--email', 'eve@example.org', '--name', 'eve', '--display', 'Eve',
                              '--password-file', rig.password_file())
    expect_equal(refused.wait(), 1, 'exit code without an invitation')
    rig.galka('sarah', 'send', '--wait', '@tom', 'two commands')
    wait_until(lambda: [row['text'] for row in rig.galka_json('tom', 'history', '@sarah')] == ['two commands'], 'tom has it')
    process.signal(signal.SIGTERM)
    expect_equal(process.wait(), 0, 'exit code')


@case
def a_browser_is_invited_too(rig):
    """with a web app setup says how a browser takes the invitation: here without TLS, elsewhere by the link itself"""
    app = make_folder(rig, 'app')
    with open(os.path.join(app, 'index.html'), 'w', encoding='utf-8') as file:
        file.write('app')
    said = run(rig, 'setup', '--domain', 'localhost', '--port', free_port(), '--web', app, cwd=make_folder(rig, 'browser'))
    expect(re.search(r'^    http://localhost:\d+/i/\w{26}$', said, re.MULTILINE), f'the address here: {said}')
    said = run(rig, 'setup', '--domain', 'chat.example.org', '--listen', '0.0.0.0', '--web', app, cwd=make_folder(rig, 'elsewhere'))
    expect('Or opens the link in a browser, if https://chat.example.org leads here.' in said, f'elsewhere: {said}')


@case
def the_installed_app_is_found(rig):
    """installed beside a web app, setup names it in the file"""
    prefix = make_folder(rig, 'usr')
    for folder in ('bin', 'share/galka/web', 'server'):
        os.makedirs(os.path.join(prefix, folder))
    galkad = os.path.join(prefix, 'bin', 'galkad')
    shutil.copy(rig.galkad, galkad)
    command = (galkad, 'setup', '--domain', 'localhost')
    place = os.path.join(prefix, 'server')
    for there in (False, True):
        if there:
            with open(os.path.join(prefix, 'share/galka/web/index.html'), 'w', encoding='utf-8') as file:
                file.write('app')
        data = f'data-{there}'
        subprocess.run([*command, '--data', data], cwd=place, check=True, timeout=60, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        with open(os.path.join(place, data, 'galkad.conf'), encoding='utf-8') as file:
            expect_equal(f'web = {os.path.realpath(prefix)}/share/galka/web\n' in file.read(), there, 'web is in the file')


def sign_up(rig, server, name, link):
    signup = rig.galka_start(name, '--server', f'127.0.0.1:{server.port}', 'signup', '--email', f'{name}@example.org', '--name', name, '--display',
                             name.capitalize(), '--password-file', rig.password_file(), '--invite', link)
    signup.say(server.code_for(f'{name}@example.org'))
    expect_equal(signup.wait(), 0, f'signup of {name}: {signup.out.lines}{signup.err.lines}')


@case
def again(rig):
    """a second time changes nothing that is there, says so, and makes what is missing"""
    place = make_folder(rig, 'again')
    run(rig, 'setup', '--domain', 'chat.example.org', '--listen', '127.0.0.2', cwd=place)
    names = ('galkad.conf', 'keys', 'galka.db')
    paths = [os.path.join(place, 'galka-data', name) for name in names]

    def contents():
        found = []
        for path in paths:
            with open(path, 'rb') as file:
                found.append(file.read())
        return found

    before = contents()
    said = run(rig, 'setup', '--domain', 'other.example.org', cwd=place)
    for name in names:
        expect(f'galka-data/{name}: is there, and stays as it is' in said, f'{name}: {said}')
    expect_equal(contents(), before, 'nothing is changed')
    expect('/i/' not in said and 'galkad invite' in said, f'no second invitation: {said}')
    expect(b'domain = chat.example.org' in before[0] and b'listen = 127.0.0.2' in before[0], f'the file: {before[0]}')
    os.remove(paths[1])
    said = run(rig, 'setup', cwd=place)
    expect('keys: made' in said and 'galkad.conf: is there' in said, said)
    expect(contents()[0] == before[0] and contents()[1] != before[1], 'new keys alone')


@case
def options_written(rig):
    """every option that was given is in the file, a password from the environment too, and nobody else may read it"""
    path = os.path.join(rig.folder, 'elsewhere.conf')
    data = os.path.join(rig.folder, 'with options')
    run(rig, 'setup', '--domain', 'chat.example.org', '--config', path, '--data', data, '--frontends', '3', '--log-format=json', '--drain-ms', '7',
        environment={'GALKA_REDIS_PASSWORD': 'se=cr;et#'})
    with open(path, encoding='utf-8') as file:
        lines = [line.rstrip('\n') for line in file if not line.startswith('#') and line.strip()]
    expect_equal(sorted(lines), sorted(['domain = chat.example.org', f'data = {data}', 'frontends = 3', 'log-format = json', 'drain-ms = 7',
                                        'redis-password = se=cr;et#']), 'the file')
    expect_equal(mode(path), 0o600, 'its mode')
    expect(not os.path.exists(os.path.join(data, 'galkad.conf')), 'one file')
    said = run(rig, 'setup', '--config', path)
    expect('is there, and stays' in said and f'galkad --config {path} all' in said, said)


@case
def setup_refused(rig):
    """without a name and a terminal, with a name that is none, where nothing can be written, with what a file cannot hold: one line"""
    place = make_folder(rig, 'refused')
    expect('--domain' in run(rig, 'setup', cwd=place, code=1), 'no name')
    for name in ('a b', 'http://x', '-x', 'x/y'):
        expect('--domain must be' in run(rig, 'setup', '--domain', name, cwd=place, code=1), name)
    expect_equal(os.listdir(place), [], 'nothing is made')
    expect('cannot use the data folder' in run(rig, 'setup', '--domain', 'x', '--data', '/proc/galka', cwd=place, code=1), 'no folder')
    expect('cannot write' in run(rig, 'setup', '--domain', 'x', '--config', '/proc/galka.conf', cwd=place, code=1), 'no file')
    bad = run(rig, 'setup', '--domain', 'x', '--data', 'fresh', cwd=place, code=1, environment={'GALKA_REDIS_PASSWORD': 'a ;b'})
    expect('redis-password does not fit' in bad and 'a ;b' not in bad, bad)
    expect_equal([name for name in os.listdir(os.path.join(place, 'fresh')) if 'conf' in name], [], 'no file is left')
    expect('cannot read' in run(rig, 'all', '--config', 'none.conf', cwd=place, code=2), 'other commands want their file')


@case
def setup_asks(rig):
    """on a terminal it asks for the name"""
    place = make_folder(rig, 'asked')
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(place)
        os.execv(rig.galkad, [rig.galkad, 'setup'])
    text = b''
    while b'reach this server' not in text:
        text += os.read(fd, 1000)
    os.write(fd, b'chat.example.org\n')
    try:
        while chunk := os.read(fd, 1000):
            text += chunk
    except OSError:
        pass  # its end
    expect_equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, f'exit code: {text}')
    with open(os.path.join(place, 'galka-data', 'galkad.conf'), encoding='utf-8') as file:
        expect('domain = chat.example.org\n' in file.read(), 'the answer is in the file')


# ---- users ----

def user(rig, data, verb, name, *options, password='', code=0):
    """galkad user VERB NAME; returns what it said."""
    done = subprocess.run([rig.galkad, '--data', data, '--log-level', 'error', '--password-kib', '1024', *options, 'user', verb, name], input=password,
                          capture_output=True, text=True, timeout=60, check=False)
    expect_equal(done.returncode, code, f'exit code of user {verb}: {done.stdout}{done.stderr}')
    if code:
        expect_equal((done.stderr.count('\n'), done.stderr[:8]), (1, 'galkad: '), f'one line: {done.stderr}')
    return done.stdout + done.stderr


def user_list(rig, data):
    """What galkad user list says of each account."""
    return [json.loads(line) for line in run(rig, '--data', data, '--json', 'user', 'list').splitlines()]


def sign_in(rig, server, profile, login, password, code=0):
    path = os.path.join(rig.folder, f'password-{profile}')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(password + '\n')
    return rig.galka(profile, '--server', f'127.0.0.1:{server.port}', 'signin', login, '--password-file', path, code=code)


@case
def users(rig):
    """beside the running server: who is added signs in, who is disabled is out at once and stays out, who is enabled or reset comes back"""
    server = rig.server(name='users').start()
    data = server.folder
    expect_equal(stat.S_IMODE(os.stat(os.path.join(data, 'control')).st_mode), 0o600, 'the control socket is its owner\'s')
    expect('may sign in' in user(rig, data, 'add', 'ursula', '--email', 'ursula@example.org', '--display', 'Ursula', password='first password\n'), 'added')
    expect('taken' in user(rig, data, 'add', 'Ursula', '--email', 'other@example.org', password='long enough\n', code=1), 'a name that is taken')
    expect('--email' in user(rig, data, 'add', 'viktor', code=1), 'no address')
    expect('not valid' in user(rig, data, 'add', 'no name', '--email', 'viktor@example.org', password='long enough\n', code=1), 'no name')
    for bad in 'short\n', 'x' * 300 + '\n':
        expect('8 to 256 bytes' in user(rig, data, 'add', 'viktor', '--email', 'viktor@example.org', password=bad, code=1), bad)
    made = re.search(r'^Password: (\S{16})$', user(rig, data, 'add', 'viktor', '--email', 'viktor@example.org'), re.MULTILINE)
    sign_in(rig, server, 'ursula', 'ursula', 'first password')
    listed = user_list(rig, data)
    expect_equal([(line['user_name'], line['email'], line['display_name'], line['disabled'], line['devices']) for line in listed],
                 [('ursula', 'ursula@example.org', 'Ursula', False, 1), ('viktor', 'viktor@example.org', 'viktor', False, 0)], 'who is listed')
    expect(listed[0]['seen_ms'] >= listed[0]['created_ms'] > 0 == listed[1]['seen_ms'], f'times: {listed}')
    sign_in(rig, server, 'viktor', 'viktor@example.org', made[1])
    rig.galka('ursula', 'send', '--wait', '@viktor', 'before')
    tail = rig.galka_leader('ursula', '--json', 'tail')
    begin = time.monotonic()
    expect('signed out everywhere' in user(rig, data, 'disable', 'ursula'), 'disabled')
    expect_equal(tail.wait(5), 4, 'exit code of tail')
    print(f'# out {time.monotonic() - begin:.2f} s after the command began', flush=True)
    expect(tail.err.find('signed this device out'), f'what it was told: {tail.err.lines}')
    sign_in(rig, server, 'ursula', 'ursula', 'first password', code=1)
    expect_equal([(line['disabled'], line['devices']) for line in user_list(rig, data)], [(True, 0), (False, 1)], 'she is disabled, and out')
    user(rig, data, 'enable', 'ursula')
    sign_in(rig, server, 'ursula', 'ursula', 'first password')
    tail = rig.galka_leader('ursula', '--json', 'tail')
    expect('new password' in user(rig, data, 'reset', 'ursula@example.org', password='second password\n'), 'reset, by address')
    expect_equal(tail.wait(5), 4, 'exit code of tail')
    sign_in(rig, server, 'ursula', 'ursula', 'first password', code=1)
    sign_in(rig, server, 'ursula', 'ursula', 'second password')
    expect_equal([row['text'] for row in rig.galka_json('ursula', 'history', '@viktor')], ['before'], 'her messages are there')
    expect('no such user' in user(rig, data, 'disable', 'nobody', code=1), 'nobody has that name')
    rig.galka('viktor', 'send', '--wait', '@ursula', 'the others are left alone')
    expect_equal(server.stop(), 0, 'exit code')
    expect(not os.path.exists(os.path.join(data, 'control')), 'the socket goes with the server')
    user(rig, data, 'disable', 'viktor')
    lines = [line.split('\t') for line in run(rig, '--data', data, 'user', 'list').splitlines()]
    expect_equal([(line[0], line[2], len(line)) for line in lines], [('ursula', 'enabled', 7), ('viktor', 'disabled', 7)], 'without a server, without --json')
    server.start()
    rig.galka('viktor', 'send', '--wait', 'me', 'x', code=4)
    sign_in(rig, server, 'viktor', 'viktor', made[1], code=1)
    expect_equal(server.stop(), 0, 'exit code')


@case
def control_misused(rig):
    """what is no request, half of one, or far too long: refused, and the next one is served"""
    server = rig.server(name='misused').start()
    path = os.path.join(server.folder, 'control')
    for sent in (b'', b'disable', b'drop\nanna\n\n\n\n', b'disable\nanna\n\n\n\nmore\n', b'x' * 100000, b'\0' * 100, b'disable\n' + b'n' * 300 + b'\n\n\n\n'):
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(os.path.relpath(path) if len(path) > 100 else path)
            link.settimeout(10)
            try:
                link.sendall(sent)
                link.shutdown(socket.SHUT_WR)
                expect_equal(link.recv(1), b'1', f'answer to {sent[:40]}')
            except (BrokenPipeError, ConnectionResetError):
                pass  # it had heard enough
    user(rig, server.folder, 'add', 'wanda', '--email', 'wanda@example.org', password='some password\n')
    expect_equal(server.stop(), 0, 'exit code')


# ---- doctor ----

def doctor(rig, *arguments, code=None, **options):
    """Its lines: {check: (verdict, what, to do)}; the worst one of each check."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith('GALKA')}
    environment = clean | options.pop('environment', {})
    done = subprocess.run([rig.galkad, *arguments, '--json', 'doctor'], capture_output=True, text=True, timeout=60, check=False, cwd=rig.folder,
                          env=environment, **options)
    expect_equal(done.stderr, '', 'standard error')
    found = {}
    for line in map(json.loads, done.stdout.splitlines()):
        here = (line['verdict'], line['what'], line.get('do', ''))
        expect((here[0] == 'ok') == (here[2] == ''), f'what to do, where something is: {line}')
        if line['check'] not in found or VERDICTS.index(found[line['check']][0]) < VERDICTS.index(here[0]):
            found[line['check']] = here
    failed = any(verdict == 'fail' for verdict, _, _ in found.values())
    expect_equal(done.returncode, int(failed), f'exit code: {done.stdout}')
    if code is not None:
        expect_equal(done.returncode, code, f'exit code: {found}')
    return found


def expect_line(found, check, verdict, *words):
    expect_equal(found[check][0], verdict, f'{check}: {found[check]}')
    for word in words:
        expect(word in found[check][1] + found[check][2], f'{word!r} is in: {found[check]}')


@case
def healthy(rig):
    """a server as setup makes it: nothing fails, while it stands and while it runs; without --json a line each"""
    place, port = make_folder(rig, 'healthy'), free_port()
    data = os.path.join(place, 'data')
    run(rig, 'setup', '--domain', 'localhost', '--data', data, '--port', port)
    found = doctor(rig, '--data', data, code=0)
    for check in ('configuration', 'keys', 'database', 'port', 'name'):
        expect_line(found, check, 'ok')
    expect_line(found, 'port', 'ok', 'is free')
    expect_line(found, 'backup', 'warn', 'no backup', 'galkad backup')
    run(rig, '--data', data, 'backup', place)
    expect_line(doctor(rig, '--data', data, code=0), 'backup', 'ok', '0 days old', place)
    process = rig.start([rig.galkad, 'all', '--data', data])
    wait_until(lambda: process.out.find('listening on'), 'it listens')
    expect_line(doctor(rig, '--data', data, code=0), 'port', 'ok', 'galkad runs on this folder')
    lines = run(rig, '--data', data, 'doctor').splitlines()
    expect(len(lines) >= 10 and all(line[:4].strip() in VERDICTS and line[4:6] == '  ' for line in lines), f'lines: {lines}')
    process.signal(signal.SIGTERM)
    expect_equal(process.wait(), 0, 'exit code')
    rig.healthy_data, rig.healthy_port = data, port


@case
def configuration_broken(rig):
    """a file that cannot be read: the place in it; one with passwords that others may read"""
    path = os.path.join(rig.folder, 'broken.conf')
    with open(path, 'w', encoding='utf-8') as file:
        file.write('port = 1\nprot = 2\n')
    found = doctor(rig, '--config', path, code=1)
    expect_line(found, 'configuration', 'fail', 'line 2', "'prot'", 'galkad sample')
    kept = os.path.join(rig.folder, 'kept-secret')
    with open(kept, 'w', encoding='utf-8') as file:
        file.write('secret\n')
    for name in 'redis-password', 'smtp-password':
        with open(path, 'w', encoding='utf-8') as file:
            file.write(f'{name} = secret\n')
        os.chmod(path, 0o644)
        found = doctor(rig, '--config', path, '--data', rig.healthy_data, code=1)
        expect_line(found, 'configuration', 'fail', 'others may read it', 'chmod 600')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(f'{name} = @{kept}\n')
        expect_line(doctor(rig, '--config', path, '--data', rig.healthy_data, code=0), 'configuration', 'ok', path)
    with open(path, 'w', encoding='utf-8') as file:
        file.write('redis-password = secret\n')
    os.chmod(path, 0o600)
    found = doctor(rig, '--config', path, '--data', rig.healthy_data, code=0)
    expect_line(found, 'configuration', 'ok', path)


@case
def files_broken(rig):
    """no folder, a file in its place, one for all to see; no keys, bad ones, ones for all to see; a database that is none, or newer"""
    expect_line(doctor(rig, '--data', 'nowhere', code=1), 'data', 'fail', 'No such file', 'galkad setup')
    file = os.path.join(rig.folder, 'a-file')
    with open(file, 'w', encoding='utf-8') as out:
        out.write('not a folder')
    expect_line(doctor(rig, '--data', file, code=1), 'data', 'fail', 'not a folder')
    data, keys = rig.healthy_data, os.path.join(rig.healthy_data, 'keys')
    os.chmod(data, 0o755)
    expect_line(doctor(rig, '--data', data, code=0), 'data', 'warn', 'others may look', 'chmod 700')
    os.chmod(data, 0o700)
    os.chmod(keys, 0o644)
    expect_line(doctor(rig, '--data', data, code=1), 'keys', 'fail', 'others may read', 'chmod 600')
    os.chmod(keys, 0o600)
    os.rename(keys, keys + '.away')
    expect_line(doctor(rig, '--data', data, code=0), 'keys', 'warn', 'no keys', 'galkad setup')
    expect_line(doctor(rig, '--data', data, '--keys', keys, code=1), 'keys', 'fail', 'no keys')
    with open(keys, 'w', encoding='ascii') as out:
        out.write('current 12\n')
    expect_line(doctor(rig, '--data', data, code=1), 'keys', 'fail', 'damaged', 'backup')
    os.rename(keys + '.away', keys)
    database = os.path.join(data, 'galka.db')
    with open(database, 'rb') as good:
        whole = good.read()
    for change, words in ((b'not a database', ('galka.db', 'galkad restore')), (whole[:60] + (99).to_bytes(4, 'big') + whole[64:], ('newer',))):
        with open(database, 'wb') as out:
            out.write(change)
        expect_line(doctor(rig, '--data', data, code=1), 'database', 'fail', *words)
    with open(database, 'wb') as out:
        out.write(whole)
    os.rename(database, database + '.away')
    expect_line(doctor(rig, '--data', data, code=0), 'database', 'warn', 'no database', 'galkad setup')
    os.rename(database + '.away', database)


@case
def machine_wrong(rig):
    """a port that another program has, an address that is none or not ours, a name that nobody knows, few files, an old backup"""
    data = ('--data', rig.healthy_data)
    with socket.socket() as other:
        other.bind(('127.0.0.1', 0))
        other.listen()
        port = str(other.getsockname()[1])
        expect_line(doctor(rig, *data, '--port', port, code=1), 'port', 'fail', 'another program', '--port')
    expect_line(doctor(rig, *data, '--listen', 'here', code=1), 'port', 'fail', 'not an address', '--listen')
    expect_line(doctor(rig, *data, '--listen', '192.0.2.1', code=1), 'port', 'fail', 'cannot listen')
    expect_line(doctor(rig, *data, '--domain', 'nobody.invalid', code=1), 'name', 'fail', 'nobody.invalid is not found', 'record')
    expect_line(doctor(rig, *data, '--domain', '192.0.2.1', code=0), 'name', 'warn', 'not an address of this machine')
    few = {'preexec_fn': lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))}
    expect_line(doctor(rig, *data, code=0, **few), 'files', 'warn', '256', 'LimitNOFILE')
    note = os.path.join(rig.healthy_data, 'last-backup')
    with open(note, 'w', encoding='ascii') as file:
        file.write(f'{int((time.time() - 9 * 86400) * 1000)} /somewhere/old.tar\n')
    expect_line(doctor(rig, *data, code=0), 'backup', 'warn', '9 days old', '/somewhere/old.tar', 'galkad backup')


@case
def certificate_wrong(rig):
    """no TLS while others are listened to, a certificate without its key, one of another name, one that expires soon, one that is over"""
    data = ('--data', rig.healthy_data, '--domain', 'localhost')
    expect_line(doctor(rig, *data, code=0), 'tls', 'ok', 'only this machine')
    expect_line(doctor(rig, *data, '--listen', '0.0.0.0', code=0), 'tls', 'warn', 'clear text', '--tls-certificate')
    made = Certificates(os.path.join(rig.folder, 'certificates'))
    made.make('soon', days='7')
    expect_line(doctor(rig, *data, *made.options('good'), code=0), 'tls', 'ok', 'valid for 29 days')
    expect_line(doctor(rig, *data, *made.options('soon'), code=0), 'tls', 'warn', 'valid for 6 days', 'renew')
    expect_line(doctor(rig, *data, *made.options('expired'), code=1), 'tls', 'fail', 'has expired', 'renew')
    expect_line(doctor(rig, *data, *made.options('elsewhere'), code=1), 'tls', 'fail', 'is not for localhost', '--domain')
    expect_line(doctor(rig, *data, *made.options('good')[:2], code=1), 'tls', 'fail', '--tls-key')
    expect_line(doctor(rig, *data, '--tls-certificate', made.path('good.pem'), '--tls-key', made.path('soon.key'), code=1), 'tls', 'fail', 'key')


@case
def disk_nearly_full(rig):
    """a disk that is nearly full"""
    place = make_folder(rig, 'small')
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=8m,mode=700', 'none', place], capture_output=True, check=False).returncode != 0:
        raise Skip('mount is not allowed here')
    try:
        expect_line(doctor(rig, '--data', place, code=1), 'data', 'fail', 'MiB are free', 'make room')
    finally:
        subprocess.run(['umount', place], check=True)


@case
def engines_away(rig):
    """engines that are named and do not answer"""
    nobody = f'127.0.0.1:{free_port()}'
    found = doctor(rig, '--data', rig.healthy_data, '--redis', nobody, '--kafka', nobody, '--postgres', f'host=127.0.0.1 port={nobody[10:]} dbname=x',
                   code=1)
    expect_line(found, 'presence', 'fail', 'see --redis')
    expect_line(found, 'bus', 'fail', '--kafka')
    expect_line(found, 'database', 'fail', 'cannot connect', 'see --postgres')
    found = doctor(rig, '--data', 'nowhere', '--keys', os.path.join(rig.healthy_data, 'keys'), '--postgres', f'host=127.0.0.1 port={nobody[10:]} dbname=x',
                   code=1)
    expect_line(found, 'data', 'ok', 'each role makes its own')


sys.exit(suite.run(Rig))
