#!/usr/bin/python3
"""galkad backup and restore on SQLite: a copy of a server under load, put into another folder; what is broken or not empty is refused. See rig.py
for the arguments; before them comes chaos_load."""
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import uuid

from rig import OPTIONS, Rig
from restored import Load, restored_under_load
from tap import Suite, expect, expect_equal

CHAOS_LOAD = os.path.abspath(sys.argv.pop(1))
suite = Suite()
case = suite.case
FAST = ('--user-frames', '100000', '--connection-frames', '100000')


def run(rig, *arguments, code=0):
    """galkad to its end: what it printed. Refusals are one line."""
    done = subprocess.run([rig.galkad, '--log-level', 'error', *arguments], capture_output=True, text=True, timeout=60, check=False)
    expect_equal(done.returncode, code, f'exit code of {arguments}: {done.stdout}{done.stderr}')
    if code:
        expect_equal((done.stderr.count('\n'), done.stderr[:8]), (1, 'galkad: '), f'one line: {done.stderr}')
    return done.stderr if code else done.stdout


def message_ids(folder):
    with sqlite3.connect(f'file:{folder}/galka.db?mode=ro', uri=True) as database:
        return [str(uuid.UUID(bytes=row[0])) for row in database.execute('SELECT request FROM messages')]


def era_of(folder):
    with sqlite3.connect(f'file:{folder}/galka.db?mode=ro', uri=True) as database:
        return database.execute("SELECT value FROM meta WHERE name = 'era'").fetchone()[0]


@case
def under_load(rig):
    """a backup of a server under load, restored elsewhere: nothing from before it is lost, nothing is there twice or stale"""
    old = rig.server(*FAST, name='old')
    users = os.path.join(rig.folder, 'load.tsv')
    with open(users, 'w', encoding='utf-8') as out:
        for user in old.add_users(*(f'load{number}' for number in range(40))):
            print(user.name, user.user, user.device, user.token.hex(), sep='\t', file=out)
    old.start()
    new = rig.server(*FAST, name='new')
    new.port = old.port
    backup = os.path.join(rig.folder, 'load.tar')
    load = Load(rig, CHAOS_LOAD, old.port, users)
    told, _ = restored_under_load(
        rig, load, lambda: run(rig, '--data', old.folder, 'backup', backup), old.kill,
        lambda: run(rig, '--data', new.folder, 'restore', backup), lambda: message_ids(new.folder), new.start)
    expect(told['acknowledged'] > 0 and told['longest_silence'] < 1.0, f'messages went on during the backup: {told}')
    expect(era_of(old.folder) != era_of(new.folder), 'the era is a new one')
    expect_equal(new.stop(), 0, 'exit code')
    expect_equal(new.check()['faults'], '0', 'faults')


@case
def what_is_in_it(rig):
    """a tar archive, for its owner alone, of the database, the keys and a manifest whose sums are right; in a folder it is named by its time"""
    folder = os.path.join(rig.folder, 'backups')
    os.mkdir(folder)
    said = run(rig, '--data', rig.main.folder, 'backup', folder)
    name, = os.listdir(folder)
    path = os.path.join(folder, name)
    expect(path in said and 'secret' in said, said)
    expect_equal(os.stat(path).st_mode & 0o777, 0o600, 'its mode')
    listed = subprocess.run(['tar', 'tf', path], capture_output=True, text=True, check=True).stdout.split()
    expect_equal(listed, ['keys', 'galka.db', 'manifest'], 'what tar lists')
    place = os.path.join(rig.folder, 'unpacked')
    os.mkdir(place)
    subprocess.run(['tar', 'xf', path, '-C', place], check=True)
    with open(os.path.join(place, 'manifest'), encoding='ascii') as file:
        sums = [f'{line.split()[3]}  {line.split()[1]}\n' for line in file if line.startswith('file ')]
    subprocess.run(['sha256sum', '--check', '--quiet'], input=''.join(sums), text=True, cwd=place, check=True)
    rig.main.serves(rig.anna)


@case
def refused(rig):
    """what is no backup, broken, cut off or of another engine; a folder that is not empty, or in use: one line, and nothing is changed"""
    good, bad, target = (os.path.join(rig.folder, name) for name in ('good.tar', 'bad.tar', 'target'))
    run(rig, '--data', rig.main.folder, 'backup', good)
    with open(good, 'rb') as file:
        whole = file.read()

    def refuse(words, content, *more):
        with open(bad, 'wb') as file:
            file.write(content)
        said = run(rig, '--data', target, *more, 'restore', bad, code=1)
        expect(bad in said and any(word in said for word in words), f'{words} in: {said}')
        expect(not os.path.exists(target), 'nothing is made')

    for size in (0, 1, 511, 512, 1000, len(whole) // 2, len(whole) - 1024, len(whole) - 1):
        refuse(('cut off', 'not a backup'), whole[:size])
    for at in (0, 600, 3000, 40000, len(whole) // 2):
        refuse(('damaged', 'not a backup'), whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
    refuse(('cut off',), whole + b'x')
    refuse(('not a backup',), b'no backup at all\n' * 100)
    said = run(rig, '--data', target, 'restore', os.path.join(rig.folder, 'none'), code=1)
    expect('cannot read' in said, said)
    expect('is there already' in run(rig, '--data', rig.main.folder, 'backup', good, code=1), 'a file is not written over')
    expect('cannot write' in run(rig, '--data', rig.main.folder, 'backup', '/proc/nothing/x', code=1), 'no such place')
    expect('no database' in run(rig, '--data', target, 'backup', bad + '2', code=1), 'nothing to save')
    expect('another galkad uses' in run(rig, '--data', rig.main.folder, '--replace', 'restore', good, code=1), 'a running server')
    expect(not [name for name in os.listdir(rig.folder) if '.part' in name], 'no half files')
    run(rig, '--data', target, 'restore', good)
    era = era_of(target)
    expect('--replace' in run(rig, '--data', target, 'restore', good, code=1), 'a database is there already')
    expect_equal(era_of(target), era, 'it is as it was')


@case
def put_in_its_place(rig):
    """--replace puts the old database and keys aside; the restored one serves"""
    backup = os.path.join(rig.folder, 'replace.tar')
    run(rig, '--data', rig.main.folder, 'backup', backup)
    server = rig.server(name='replaced')
    server.add_users('stranger')
    with open(os.path.join(server.folder, 'keys'), encoding='ascii') as file:
        keys = file.read()
    expect('there is a database' in run(rig, '--data', server.folder, 'restore', backup, code=1), 'it is refused')
    run(rig, '--data', server.folder, '--replace', 'restore', backup)
    with open(os.path.join(server.folder, 'keys.replaced'), encoding='ascii') as file:
        expect_equal(file.read(), keys, 'the keys that were there')
    expect(os.path.exists(os.path.join(server.folder, 'replaced-galka.db')), 'the database that was there')
    server.start()
    server.serves(rig.anna)
    expect_equal(server.stop(), 0, 'exit code')
    expect_equal(server.check()['faults'], '0', 'faults')
    os.remove(os.path.join(server.folder, 'galka.db'))
    with open(os.path.join(server.folder, 'keys'), 'w', encoding='ascii') as file:
        file.write(keys)
    expect('other keys' in run(rig, '--data', server.folder, 'restore', backup, code=1), 'other keys alone are not replaced either')


@case
def disk_full(rig):
    """a backup for which there is no room leaves nothing behind, and the server goes on"""
    path = os.path.join(rig.folder, 'large.tar')
    limited = subprocess.run([rig.galkad, '--data', rig.main.folder, '--log-level', 'error', 'backup', path], capture_output=True, text=True, timeout=60,
                             check=False, preexec_fn=limit_files)
    expect_equal((limited.returncode, limited.stderr.count('\n')), (1, 1), f'exit code and lines: {limited.stderr}')
    expect(not [name for name in os.listdir(rig.folder) if name.startswith('large')], 'nothing is left')
    rig.main.serves(rig.anna)


def limit_files():
    import resource
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50000, 50000))


class BackupRig(Rig):
    def __enter__(self):
        self.main = self.server(name='main')
        self.anna, = self.main.add_users('anna')
        self.main.start()
        return self


sys.exit(suite.run(BackupRig))
