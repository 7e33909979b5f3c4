#!/usr/bin/python3
"""galkad backup and restore on PostgreSQL: a copy of a cluster under load, put into another database; what is broken or not empty is refused. Called
with GALKAD CHAOS_LOAD ROOT FOLDER."""
import os
import re
import subprocess
import sys
import tarfile

from chaos import ChaosRig, World
from restored import Load, restored_under_load
from rig import Process
from tap import Suite, expect, expect_equal

suite = Suite()
case = suite.case
USERS = 40


class BackupRig(ChaosRig):
    """A cluster, and databases beside the one that it works on."""

    def __init__(self):
        galkad, load, root, parent = map(os.path.abspath, [argument for argument in sys.argv[1:] if not argument.startswith('only=')])
        super().__init__(galkad, load, root, parent, World(), 0)
        self.processes = []
        self.at_rest = False

    def __enter__(self):
        super().__enter__()
        self.config = self.env()['CLUSTER_CONFIG']
        self.uri = self.setting('postgres')
        self.keys = self.setting('keys')
        return self

    def __exit__(self, *problem):
        for process in self.processes:
            process.end()
        super().__exit__(*problem)

    def setting(self, name):
        with open(self.config, encoding='utf-8') as file:
            return [line.split(' = ', 1)[1].strip() for line in file if line.startswith(f'{name} = ')][0]

    def start(self, arguments):
        self.processes.append(Process(arguments))
        return self.processes[-1]

    def end_case(self):
        pass

    def diagnosis(self):
        return []

    def psql(self, uri, text):
        return subprocess.run(['psql', '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-c', text, uri], stdout=subprocess.PIPE, text=True,
                              check=True).stdout.split()

    def make_database(self, name):
        """An empty one; a schema of the same database is as good, and nobody needs the right to make databases for it."""
        self.psql(self.uri, f'CREATE SCHEMA {name}')
        return f"{self.uri} options='-c search_path={name}'"

    def galkad_run(self, *arguments, code=0, uri=None, keys=None):
        more = [*(['--postgres', uri] if uri else []), *(['--keys', keys] if keys else [])]
        done = subprocess.run([self.galkad, '--config', self.config, '--data', f'{self.folder}/tools', '--log-level', 'error', *more, *arguments],
                              capture_output=True, text=True, timeout=120, check=False)
        expect_equal(done.returncode, code, f'exit code of {arguments}: {done.stdout}{done.stderr}')
        if code:
            expect_equal((done.stderr.count('\n'), done.stderr[:8]), (1, 'galkad: '), f'one line: {done.stderr}')
        return done.stderr if code else done.stdout

    def rest(self):
        """Nobody writes into the store any more. Clients that have left are still written down as seen a while after, and two copies are compared."""
        if not self.at_rest:
            self.cluster('end', *self.members())
            self.at_rest = True


@case
def under_load(rig):
    """a backup of a cluster under load, restored into another database: nothing from before it is lost, nothing is there twice or stale"""
    backup, keys = f'{rig.folder}/load.tar', f'{rig.folder}/keys-again'
    target = rig.make_database('elsewhere')
    rig.await_ready()
    load = Load(rig, rig.load_program, int(rig.env()['CLUSTER_PORT']), rig.import_users('saved', USERS))
    members = rig.members()

    def kill():
        for name in members:
            rig.cluster('kill', name)

    def start():
        with open(rig.config, encoding='utf-8') as file:
            text = file.read()
        with open(rig.config, 'w', encoding='utf-8') as file:
            file.write(text.replace(f'postgres = {rig.uri}', f'postgres = {target}').replace(f'keys = {rig.keys}', f'keys = {keys}'))
        for name in members:
            rig.cluster('start', name)
        rig.await_ready()

    before, = rig.psql(rig.uri, "SELECT value FROM meta WHERE name = 'era'")
    told, _ = restored_under_load(rig, load, lambda: rig.galkad_run('backup', backup), kill,
                                  lambda: rig.galkad_run('restore', backup, uri=target, keys=keys),
                                  lambda: rig.psql(target, 'SELECT request FROM messages'), start)
    expect(told['acknowledged'] > 0 and told['longest_silence'] < 5.0, f'messages went on during the backup: {told}')
    expect(rig.psql(target, "SELECT value FROM meta WHERE name = 'era'") != [before], 'the era is a new one')
    expect('faults=0' in rig.galkad_run('check'), 'no faults')
    expect_equal(os.stat(keys).st_mode & 0o777, 0o600, 'the keys are their owner\'s')


@case
def refused(rig):
    """what is cut off or damaged, a database that has users, one that is of SQLite: one line, and nothing is changed"""
    good, bad = f'{rig.folder}/good.tar', f'{rig.folder}/bad.tar'
    rig.rest()
    rig.galkad_run('backup', good)
    with open(good, 'rb') as file:
        whole = file.read()
    target = rig.make_database('refused')
    for content in (whole[:len(whole) // 2], whole[:-512], whole[:4000] + b'#' + whole[4001:]):
        with open(bad, 'wb') as file:
            file.write(content)
        said = rig.galkad_run('restore', bad, uri=target, code=1)
        expect('cut off' in said or 'damaged' in said, said)
    expect_equal(rig.psql(target, "SELECT count(*) FROM pg_tables WHERE schemaname = 'refused'"), ['0'], 'nothing was made')
    rig.galkad_run('restore', good, uri=target)
    era = rig.psql(target, "SELECT value FROM meta WHERE name = 'era'")
    expect('--replace' in rig.galkad_run('restore', good, uri=target, code=1), 'it is not empty any more')
    expect_equal(rig.psql(target, "SELECT value FROM meta WHERE name = 'era'"), era, 'nothing is changed')
    rig.galkad_run('restore', good, '--replace', uri=target)
    expect(rig.psql(target, "SELECT value FROM meta WHERE name = 'era'") != era, 'replaced, with another era')
    for table in ('users', 'devices', 'rooms', 'members', 'messages', 'requests'):
        count = f'SELECT count(*) FROM {table}'
        expect_equal(rig.psql(target, count), rig.psql(rig.setting('postgres'), count), f'lines of {table}')
    said = subprocess.run([rig.galkad, '--data', f'{rig.folder}/sqlite', 'restore', good], capture_output=True, text=True, check=False)
    expect_equal((said.returncode, 'postgres' in said.stderr), (1, True), f'into a folder: {said.stderr}')


@case
def texts_come_through(rig):
    """texts with all that CSV could trip over, empty ones and NULLs are the same afterwards; a migrated database without users is empty"""
    target, source = rig.make_database('texts'), rig.setting('postgres')
    rig.rest()
    rig.psql(source, "UPDATE users SET display_name = E'\"q\",\\n\\r\\n\\\\.\\n\\t''ё' WHERE user_id = (SELECT min(user_id) FROM users)")
    rig.galkad_run('migrate', uri=target)
    path = f'{rig.folder}/texts.tar'
    rig.galkad_run('backup', path)
    rig.galkad_run('restore', path, uri=target)
    for table, key in (('users', 'user_id'), ('devices', 'user_id, device'), ('members', 'room, user_id'), ('messages', 'room, seq')):
        digest = f'SELECT md5(string_agg(t::text, chr(10) ORDER BY {key})) FROM {table} t'
        expect_equal(rig.psql(target, digest), rig.psql(source, digest), f'contents of {table}')


@case
def older(rig):
    """a database of the first schema is saved as it is, and restored it is one of today"""
    source, target, path = rig.make_database('older'), rig.make_database('today'), f'{rig.folder}/older.tar'
    with open(f'{rig.root}/src/driver/store/postgres/schema.def', encoding='utf-8') as file:
        steps = re.findall(r'^V\((\d+),((?:\s*"[^"]*")+)\)', file.read(), re.MULTILINE)
    first = [''.join(re.findall(r'"([^"]*)"', text)) for version, text in steps if version == '1']
    expect(len(first) > 10, 'statements of the first schema')
    for statement in (*first, 'CREATE TABLE galka_schema(version INT8 PRIMARY KEY, applied TIMESTAMPTZ NOT NULL DEFAULT now())',
                      'INSERT INTO galka_schema(version) VALUES(1)', "INSERT INTO meta(name, value) VALUES('era', gen_random_uuid())",
                      "INSERT INTO users VALUES(7, 'anna', 'anna', 'Anna', 'anna@example.org', 'anna@example.org', '$hash', 1, 1)"):
        rig.psql(source, statement)
    expect('migrate' in rig.galkad_run('check', uri=source, code=1), 'it is an old one')
    rig.galkad_run('backup', path, uri=source)
    with tarfile.open(path) as archive:
        expect('schema 1\n' in archive.extractfile('manifest').read().decode(), 'what the manifest says')
    rig.galkad_run('restore', path, uri=target)
    expect_equal(rig.psql(target, 'SELECT max(version) FROM galka_schema'), [max(steps, key=lambda step: int(step[0]))[0]], 'its schema')
    expect_equal(rig.psql(target, 'SELECT user_name FROM users'), ['anna'], 'who is in it')
    expect('faults=0' in rig.galkad_run('check', uri=target), 'no faults')


sys.exit(suite.run(BackupRig))
