#!/usr/bin/python3
"""Starting where it cannot work, and a disk that fills up: clear errors, and nothing acknowledged is lost. See rig.py for the
arguments."""
import json
import os
import pwd
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time

import wire
from rig import Rig
from tap import Skip, Suite, expect, expect_equal, wait_until

suite = Suite()
case = suite.case


def run(rig, *arguments, folder=None, environment=None, before=(), **options):
    """galkad to its end. Returns the exit code and what it wrote on standard error."""
    folder = folder or os.path.join(rig.folder, 'some')
    done = subprocess.run([*before, rig.galkad, '--data', folder, '--log-level', 'error', *arguments], capture_output=True, text=True,
                          timeout=20, check=False, env=os.environ | (environment or {}), **options)
    return done.returncode, done.stderr, done.stdout


def expect_refusal(got, code, *words):
    """One line on standard error with these words, and the exit code."""
    expect_equal(got[0], code, f'exit code ({got[1]})')
    for word in words:
        expect(word in got[1], f'{word!r} is in: {got[1]}')
    expect_equal((got[1].count('\n'), got[1][:8]), (1, 'galkad: '), f'one line: {got[1]}')


@case
def port_taken(rig):
    """a port that another program, or another galkad, listens on"""
    with socket.socket() as other:
        other.bind(('127.0.0.1', 0))
        other.listen()
        port = str(other.getsockname()[1])
        for frontends in ('1', '2'):
            expect_refusal(run(rig, 'all', '--port', port, '--frontends', frontends), 1, 'cannot listen', port, 'in use')
    for theirs in ('1', '2'):
        server = rig.server('--frontends', theirs, name=f'first-{theirs}').start()
        for frontends in ('1', '2'):
            expect_refusal(run(rig, 'all', '--port', str(server.port), '--frontends', frontends), 1, 'cannot listen', 'in use')
        expect_equal(server.stop(), 0, 'exit code of the first')


@case
def bad_address(rig):
    """an address that is none, or not this machine's"""
    expect_refusal(run(rig, 'all', '--port', '0', '--listen', 'here'), 1, 'cannot listen on here', 'not an address')
    expect_refusal(run(rig, 'all', '--port', '0', '--listen', '192.0.2.1'), 1, 'cannot listen on 192.0.2.1')


@case
def same_folder(rig):
    """a second galkad, an import and a check on the folder of a running one"""
    expect_refusal(run(rig, 'all', '--port', '0', folder=rig.main.folder), 1, 'another galkad uses the folder', rig.main.folder)
    users = os.path.join(rig.folder, 'users.tsv')
    expect_refusal(run(rig, 'user', 'import', users, folder=rig.main.folder), 1, 'another galkad uses the folder')
    expect_refusal(run(rig, 'check', folder=rig.main.folder), 1, 'another galkad uses the folder')
    rig.main.serves(rig.healthy)


@case
def folder_unusable(rig):
    """a data folder that is a file, lies under one, or has no parent"""
    file = os.path.join(rig.folder, 'a-file')
    with open(file, 'w', encoding='utf-8') as out:
        out.write('not a folder\n')
    for folder in (file, os.path.join(file, 'below'), os.path.join(rig.folder, 'no', 'such', 'parent'), '/proc/galka'):
        expect_refusal(run(rig, 'all', '--port', '0', folder=folder), 1, 'cannot use the data folder', folder, '--data')


@case
def folder_read_only(rig):
    """a data folder that may not be written"""
    folder = os.path.join(rig.folder, 'theirs')
    os.mkdir(folder, 0o755)
    if os.getuid() != 0:
        os.chmod(folder, 0o555)
        before, galkad = (), rig.galkad
    elif shutil.which('setpriv'):
        # Permissions do not bind root, so it is tried as nobody, from a place that he can reach.
        nobody = pwd.getpwnam('nobody')
        galkad = f'/tmp/galkad-{os.getpid()}'
        shutil.copy(rig.galkad, galkad)
        os.chmod(galkad, 0o755)
        before = ('setpriv', f'--reuid={nobody.pw_uid}', f'--regid={nobody.pw_gid}', '--clear-groups')
        folder = f'/tmp/galka-theirs-{os.getpid()}'
        os.mkdir(folder, 0o755)
    else:
        raise Skip('setpriv is not there')
    try:
        done = subprocess.run([*before, galkad, 'all', '--port', '0', '--data', folder, '--log-level', 'error'], capture_output=True, text=True, timeout=20,
                              check=False)
        expect_refusal((done.returncode, done.stderr), 1, 'cannot use the data folder', folder, 'Permission denied')
    finally:
        if before:
            os.remove(galkad)
            os.rmdir(folder)


@case
def damaged_files(rig):
    """keys that are damaged, and a database that is none"""
    folder = os.path.join(rig.folder, 'damaged')
    server = rig.server(name='damaged').start()
    expect_equal(server.stop(), 0, 'exit code')
    keys = os.path.join(folder, 'keys')
    with open(keys, encoding='ascii') as file:
        good = file.read()
    expect_equal(os.stat(keys).st_mode & 0o777, 0o600, 'the keys are their owner\'s')
    for bad in ('', 'current 12\n', good.replace('current', 'curent'), good + 'previous zz\n'):
        with open(keys, 'w', encoding='ascii') as file:
            file.write(bad)
        expect_refusal(run(rig, 'all', '--port', '0', folder=folder), 1, keys, 'damaged', 'backup')
    with open(keys, 'w', encoding='ascii') as file:
        file.write(good)
    database = os.path.join(folder, 'galka.db')
    with open(database, 'r+b') as file:
        file.write(b'this is no database at all, is it?')
    code, error, _ = run(rig, 'all', '--port', '0', folder=folder)
    expect_equal(code, 1, 'exit code')
    expect(database in error or 'database' in error, f'it says what: {error}')


@case
def installed(rig):
    """what is installed: both programs, and their man pages with every command and option in them"""
    build = os.path.dirname(os.path.dirname(os.path.dirname(rig.galkad)))
    place = os.path.join(rig.folder, 'installed')
    subprocess.run(['meson', 'install', '-C', build, '--no-rebuild', '--quiet', '--destdir', place], check=True, timeout=60,
                   stdout=subprocess.DEVNULL)
    files = [os.path.join(path, name) for path, _, names in os.walk(place) for name in names]
    for end in ('bin/galkad', 'bin/galka', 'man8/galkad.8', 'man1/galka.1', 'completions/galkad.bash'):
        expect(any(file.endswith(end) for file in files), f'{end} is among {files}')
    for page, program in (('galkad.8', 'galkad'), ('galka.1', 'galka')):
        path, = [file for file in files if file.endswith(page)]
        with open(path, encoding='utf-8') as file:
            text = file.read().replace('\\-', '-')
        binary, = [file for file in files if file.endswith('bin/' + program)]
        lines = subprocess.run([binary, 'help'], capture_output=True, text=True, check=True, timeout=20).stdout.splitlines()
        words = [line.split()[0] for line in lines if line.startswith('  ') and line[2] not in ' 0123456789']
        expect(len(words) > 15, f'help lists commands and flags: {words}')
        for word in words:
            expect(f'"{word}' in text or f'.BR {word}' in text, f'{page} has {word}')
    path, = [file for file in files if file.endswith('galkad.bash')]
    for word, wanted in (('--liste', '--listen'), ('rest', 'restore restored'), ('--', '--domain')):
        script = f'source {path}; COMP_WORDS=(galkad {word}); COMP_CWORD=1; _galkad; echo ${{COMPREPLY[@]}}'
        said = subprocess.run(['bash', '-c', script], capture_output=True, text=True, check=True, timeout=20, cwd=place).stdout
        expect(wanted in said, f'bash completes {word!r}: {said}')


@case
def broken_configuration(rig):
    """an unknown key, a value that is none, a line that is none: file and line are named"""
    path = os.path.join(rig.folder, 'galka.conf')
    for text, words in (
            ('# a comment\nport = 0\nprot = 4255\n', ('line 3', "'prot'")),
            ('port = http\n', ('line 1', 'port', '65535', "'http'")),
            ('\n\nfrontends = 17\n', ('line 3', 'frontends', 'from 1 to 16', "'17'")),
            ('dev = maybe\n', ('line 1', 'dev', 'yes or no')),
            ('port = 1\nwhat is this\n', ('line 2', 'name = value')),
            ('[section]\nport = 1\n', ('line 2', "'section'")),
            ('config = other.conf\n', ('line 1', "'config'")),
            ('log-format = loud\n', ('log-format', "'loud'")),
            ('port = 99999999999999999999\n', ('line 1', 'port'))):
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        expect_refusal(run(rig, 'all', '--config', path), 2, *words)
    expect_refusal(run(rig, 'all', '--config', path + '.not'), 2, 'cannot read', path + '.not')
    expect_refusal(run(rig, 'all', '--port'), 2, '--port needs a value')
    expect_refusal(run(rig, 'all', '--prot', '1'), 2, "'--prot'")
    expect_refusal(run(rig, 'all', '--port', '-1'), 2, 'command line', 'port')
    expect_refusal(run(rig, 'all', environment={'GALKA_PORT': 'x'}), 2, 'GALKA_PORT', "'x'")
    expect_equal(run(rig, 'al')[0], 2, 'an unknown command')
    expect_equal(run(rig)[0], 2, 'no command')


@case
def configuration(rig):
    """file, environment and flags, the last one wins; the sample is a file that is taken"""
    path = os.path.join(rig.folder, 'good.conf')
    with open(path, 'w', encoding='utf-8') as file:
        file.write('log-format = json\nport = 0\n')
    for more, environment, is_json in (((), {}, True), ((), {'GALKA_LOG_FORMAT': 'logfmt'}, False),
                                       (('--log-format=json',), {'GALKA_LOG_FORMAT': 'logfmt'}, True)):
        process = rig.start([rig.galkad, 'all', '--data', os.path.join(rig.folder, 'configured'), '--config', path, *more],
                            env=os.environ | environment)
        wait_until(lambda process=process: process.err.find('server.started'), 'it starts')
        process.signal(signal.SIGTERM)
        expect_equal(process.wait(), 0, 'exit code')
        expect_equal(process.err.lines[0].startswith('{'), is_json, f'the log: {process.err.lines[0]}')
        for line in process.err.lines if is_json else ():
            json.loads(line)
    sample = run(rig, 'sample')[2]
    with open(path, 'w', encoding='utf-8') as file:
        file.write(''.join(line[1:] if line.startswith('#') and ' = ' in line and not line.startswith('# ') else line
                           for line in sample.splitlines(keepends=True)))
    expect_equal(run(rig, 'version', '--config', path)[0], 0, f'the sample is taken: {run(rig, "version", "--config", path)[1]}')
    for command in ('help', 'man', 'version'):
        expect(run(rig, command)[2], command)


@case
def bad_import(rig):
    """an import names the lines that are none, and takes the others"""
    path = os.path.join(rig.folder, 'bad.tsv')
    with open(path, 'w', encoding='utf-8') as file:
        file.write('good\tgood@example.org\tGood\nno tabs here\n1bad\tb@example.org\tBad\ngood\tagain@example.org\tAgain\n')
    code, error, out = run(rig, 'user', 'import', path)
    expect_equal((code, out.split('\t')[0], out.count('\n')), (1, 'good', 1), f'what was taken ({error})')
    for word in ('line 2', 'line 3', 'that user name is taken'):
        expect(word in error, f'{word} is in: {error}')
    expect_refusal(run(rig, 'user', 'import', path + '.not'), 1, 'cannot read', path + '.not')


# ---- a disk that fills up ----

def write_until_full(rig, server, user, limit):
    """Writes until it is refused. Returns how many were acknowledged, and the refusal."""
    room, acknowledged = wire.personal_room(user.user, user.user), []
    with server.joined(user) as client:
        for number in range(limit):
            operation = wire.new_id()
            answer = client.write(room, f'{number:05}' + 'x' * 15000, operation)
            status = answer.body['outcomes'][0].get('status', 0) if answer.name == 'written' else answer.body['code']
            if status:
                break
            acknowledged.append(answer.body['outcomes'][0]['seq'])
        else:
            raise AssertionError(f'it was never full, in {limit} writes')
        expect(status in (rig.error('BUSY'), rig.error('UNKNOWN')), f'it says to try again: {answer}')
        client.send('ping', {'echo': 1})
        client.wait_for('pong')
        page = client.ask('changes', {'after': acknowledged[-1] - 1, 'limit': 5}, room=room)
        expect_equal(page.name, 'change_page', f'reading goes on ({page})')
        expect_equal([row['seq'] for row in page.body['rows']], [acknowledged[-1]], 'the last one that was acknowledged')
    return acknowledged


def expect_all_there(server, user, acknowledged):
    room = wire.personal_room(user.user, user.user)
    with server.joined(user) as client:
        page = client.ask('changes', {'after': 0, 'limit': 200}, room=room)
        seqs = {row['seq'] for row in page.body['rows']}
        while page.body.get('more'):
            page = client.ask('changes', {'after': 0, 'before': min(seqs), 'limit': 200}, room=room)
            seqs |= {row['seq'] for row in page.body['rows']}
    expect(set(acknowledged) <= seqs, f'{len(set(acknowledged) - seqs)} acknowledged ones are missing')
    expect_equal(sorted(seqs), list(range(1, len(seqs) + 1)), 'the log is gapless')


@case
def file_size_limit(rig):
    """files that may not grow (ulimit -f): writes are to be tried later, reads go on, nothing acknowledged is lost"""
    server = rig.server('--user-frames', '100000', '--connection-frames', '100000', name='limited')
    user, = server.add_users('limited')
    server.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (6000000, 6000000)))
    acknowledged = write_until_full(rig, server, user, 2000)
    expect(server.runs(), 'it goes on')
    expect_equal(server.stop(), 0, 'exit code')
    server.start()
    expect_all_there(server, user, acknowledged)
    server.serves(user)
    expect_equal(server.stop(), 0, 'exit code')
    expect_equal(server.check()['faults'], '0', 'faults')


@case
def disk_full(rig):
    """a full disk: writes are to be tried later, reads go on, and it goes on by itself once there is room"""
    server = rig.server('--user-frames', '100000', '--connection-frames', '100000', name='full')
    os.mkdir(server.folder)
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=8m', 'none', server.folder], check=False).returncode != 0:
        raise Skip('mount is not allowed here')
    try:
        user, = server.add_users('full')
        server.start()
        acknowledged = write_until_full(rig, server, user, 2000)
        subprocess.run(['mount', '-o', 'remount,size=64m', server.folder], check=True)
        wait_until(lambda: goes_on(server, user), 'it goes on by itself', 20)
        expect_all_there(server, user, acknowledged)
        expect_equal(server.stop(), 0, 'exit code')
        expect_equal(server.check()['faults'], '0', 'faults')
    finally:
        server.kill()
        subprocess.run(['umount', server.folder], check=True)


def goes_on(server, user):
    try:
        return server.serves(user)
    except AssertionError:
        time.sleep(0.2)
        return False


@case
def galka_without_a_disk(rig):
    """the client whose profile cannot grow says so, and what it had said to be queued is there"""
    server = rig.server('--dev', name='for-galka').start()
    rig.sign_up(server, 'dave')
    limited = {'preexec_fn': lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (300000, 300000))}
    texts = []
    for number in range(100):
        text = f'{number:03}' + 'y' * 15000
        done = subprocess.run(rig.galka_arguments('dave', 'send', 'me', text), capture_output=True, text=True, timeout=20, check=False,
                              env=rig.environment(), **limited)
        if done.returncode:
            break
        texts.append(text)
    expect_equal(done.returncode, 6, f'exit code: {done.stdout}{done.stderr}')
    expect(done.stderr.startswith('galka: ') and done.stderr.count('\n') == 1, f'one line: {done.stderr}')
    expect(texts, 'some were sent before')
    rows = rig.galka_json('dave', 'history', 'me', '--count', 1000)
    expect_equal([row['text'] for row in rows][:len(texts)], texts, 'what it had sent')
    expect_equal(server.stop(), 0, 'exit code')


class StartRig(Rig):
    def __enter__(self):
        self.main = self.server()
        self.healthy, = self.main.add_users('healthy')
        self.main.start()
        return self


sys.exit(suite.run(StartRig))
