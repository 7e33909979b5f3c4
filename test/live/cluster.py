"""What the suites over real engines stand on: a set of engines that demand TLS and passwords (tools/engines), and the roles of galkad, a
process each. See rig.py for the arguments."""
import os
import shlex
import subprocess
import sys
import urllib.error
import urllib.request

from rig import OPTIONS, Rig, Server, User
from tap import expect, expect_equal, wait_until

MISSING = 77  # exit code of tools/engines: one is not installed and cannot be fetched


class Engines:
    """A set in a folder of its own."""

    def __init__(self, root, folder):
        self.program, self.folder, self.known = f'{root}/tools/engines', folder, {}

    def call(self, *arguments, code=0):
        done = subprocess.run([self.program, '--dir', self.folder, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=300, check=False)
        if done.returncode == MISSING:
            print(f'1..0 # SKIP {done.stdout.strip()}', flush=True)
            sys.exit(0)
        expect_equal(done.returncode, code, f'engines {arguments}: {done.stdout}')
        return done.stdout

    def start(self, *arguments):
        self.call(*arguments, '--owner', str(os.getpid()), 'start')
        with open(f'{self.folder}/env', encoding='utf-8') as file:
            self.known = dict(line.split('=', 1) for line in shlex.split(file.read()))

    def __getattr__(self, name):
        return self.known['ENGINES_' + name.upper()]

    def postgres_uri(self, host='localhost', ca=None):
        return (f'host={host} hostaddr=127.0.0.1 port={self.postgres_port} user={self.user} dbname=galka sslmode=verify-full '
                f'sslrootcert={ca or self.ca}')

    def psql(self, text):
        subprocess.run(['psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-c', text, self.postgres], capture_output=True, check=True)


class Role(Server):
    """One process of the cluster; frontends are what a Server is to its clients."""

    def __init__(self, rig, kind, index, options):
        super().__init__(rig, 'cluster', options)
        self.kind, self.index, self.health = kind, index, 0

    def arguments(self, *more):
        return [self.rig.galkad, '--data', self.folder, '--index', str(self.index), *OPTIONS, *self.rig.engine_options(self.kind),
                *(['--port', str(self.port)] if self.kind == 'frontend' else []), '--health', str(self.health), *self.options, *more]

    def launch(self):
        self.process = self.rig.start(self.arguments(self.kind), env=self.rig.secrets())
        return self

    def await_start(self, seconds=40):
        """Returns once it works."""
        found = wait_until(lambda: self.process.out.find(r'health on 127\.0\.0\.1:(\d+)') or not self.runs(), f'{self.kind} starts', seconds)
        expect(found is not True, f'{self.kind} ended at once: {self.process.err.lines}')
        self.health = int(found[1])
        if self.kind == 'frontend':
            self.port = int(self.process.out.find(r'listening on .*:(\d+)')[1])
        return self

    def start(self, **_):
        return self.launch().await_start()

    def page(self, path):
        try:
            with urllib.request.urlopen(f'http://127.0.0.1:{self.health}{path}', timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read().decode()

    def number(self, start):
        """The sum of the samples that begin so."""
        return sum(float(line.split()[-1]) for line in self.page('/metrics')[1].splitlines() if line.startswith(start))


class ClusterRig(Rig):
    """Engines that nobody has prepared yet."""

    def __enter__(self):
        self.root = os.path.abspath([argument for argument in sys.argv[1:] if not argument.startswith('only=')][2])
        self.keys = os.path.join(self.folder, 'keys')
        self.engines = Engines(self.root, os.path.join(self.folder, 'engines'))
        os.chmod(self.folder, 0o755)  # PostgreSQL runs as its own user
        self.engines.start('--secure')
        return self

    def __exit__(self, *problem):
        try:
            self.engines.call('remove')  # while their folder, with their pids, is there
        finally:
            super().__exit__(*problem)

    def engine_options(self, kind):
        """What a role of that kind is told of the engines."""
        options = ['--keys', self.keys, '--kafka', self.engines.kafka, '--kafka-tls', '--kafka-ca', self.engines.ca, '--kafka-user',
                   self.engines.user]
        if kind in ('frontend', 'session', 'query'):
            options += ['--redis', self.engines.redis, '--redis-tls', '--redis-ca', self.engines.ca, '--redis-user', self.engines.user]
        if kind in ('auth', 'session', 'query'):
            options += ['--postgres', self.engines.postgres_uri()]
        return options

    def secrets(self, **more):
        clean = {name: value for name, value in os.environ.items() if not name.startswith(('GALKA', 'PG'))}
        password = self.engines.password
        return clean | {'GALKA_KAFKA_PASSWORD': password, 'GALKA_REDIS_PASSWORD': password, 'GALKA_POSTGRES_PASSWORD': password} | more

    def run(self, *arguments, **secrets):
        """galkad to its end: exit code, standard output, what it said on standard error besides the log."""
        done = subprocess.run([self.galkad, '--data', os.path.join(self.folder, 'cluster'), *OPTIONS, *arguments], capture_output=True, text=True,
                              timeout=200, check=False, env=self.secrets(**secrets))
        return done.returncode, done.stdout, [line for line in done.stderr.splitlines() if not line.startswith('time=')]

    def role(self, kind, *options, index=0):
        role = Role(self, kind, index, options)
        self.servers.append(role)
        return role

    def prepare(self, *options):
        """Keys, topics, schema."""
        for arguments in (('keys', self.keys), (*self.engine_options('notify'), *options, 'topics'),
                          ('--postgres', self.engines.postgres_uri(), 'migrate')):
            got = self.run(*arguments)
            expect_equal(got[0], 0, f'galkad {arguments[-1]}: {got}')

    def import_users(self, *names):
        path = os.path.join(self.folder, 'users.tsv')
        with open(path, 'w', encoding='utf-8') as file:
            for name in names:
                file.write(f'{name}\t{name}@example.org\t{name.capitalize()}\n')
        code, said, wrong = self.run('--postgres', self.engines.postgres_uri(), '--keys', self.keys, 'user', 'import', path)
        expect_equal((code, wrong), (0, []), 'import')
        return [User(line) for line in said.splitlines()]
