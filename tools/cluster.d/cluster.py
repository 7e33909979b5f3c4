"""A cluster in one folder: its shape, ports and processes. All of it is in FOLDER/state.json, under a lock, since a member may be
ended by another command than the one that started it. The engines are a set of tools/engines in FOLDER/engines."""
import collections
import contextlib
import fcntl
import json
import os
import shlex
import shutil
import socket
import subprocess
import time

import ports
import process
from engine import Broken, Missing
from member import ROLES, Balancer, Role, callgrind, make_config

PROGRAM = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'cluster')
START_SECONDS = 60.0
TOPICS_SECONDS = 10.0
STOP_SECONDS = 20.0
WATCH_SECONDS = 0.2
MISSING = 77  # exit code of tools/engines
CODE = 'code for '

# port: haproxy's, 0 any; settings: KEY=VALUE or ENGINE:KEY=VALUE; brokers: of Kafka; address: of engines; callgrind: count instructions
Shape = collections.namedtuple('Shape', 'frontends workers port direct bench settings brokers address callgrind', defaults=[1, None, False])


class Cluster:
    def __init__(self, folder, engines_program, shape, say):
        self.folder, self.engines_program, self.shape, self.say = folder, engines_program, shape, say
        self.log_folder, self.config, self.callgrind_folder = f'{folder}/log', f'{folder}/galkad.conf', f'{folder}/callgrind'
        self.state = {'ports': {}, 'running': {}}
        self.children = {}
        self.galkad, self.is_ours = None, False
        self.read()

    # The state

    def exists(self):
        return os.path.exists(f'{self.folder}/state.json')

    def read(self):
        with contextlib.suppress(FileNotFoundError):
            with open(f'{self.folder}/state.json', encoding='utf-8') as file:
                self.state = json.load(file)
        if 'galkad' in self.state and not self.galkad:
            self.galkad, self.shape = self.state['galkad'], Shape(*self.state['shape'])

    @contextlib.contextmanager
    def open(self):
        """Under the lock, with the state as it is now."""
        os.makedirs(self.log_folder, exist_ok=True)
        with open(f'{self.folder}/lock', 'w', encoding='utf-8') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.read()
            try:
                yield
            finally:
                if os.path.isdir(self.folder):
                    self.save()

    def save(self):
        with open(f'{self.folder}/state.json.part', 'w', encoding='utf-8') as file:
            json.dump(self.state, file, indent=1)
        os.rename(f'{self.folder}/state.json.part', f'{self.folder}/state.json')

    def port_of(self, name):
        if name not in self.state['ports']:
            self.state['ports'][name], = ports.claim(self.folder, 1)
        return self.state['ports'][name]

    def port(self):
        """The one that clients connect to."""
        return self.shape.port or self.port_of('clients')

    # Who belongs to it

    def frontends(self):
        return [Role('frontend', index, self) for index in range(self.shape.frontends)]

    def workers(self):
        added = [name.rsplit('-', 1) for name in self.state.get('added', [])]
        return [Role(kind, index, self) for kind in ROLES for index in range(self.shape.workers)] + [Role(kind, int(index), self) for kind, index in added]

    def balancers(self):
        return [] if self.shape.direct else [Balancer(self)]

    def members(self):
        return self.workers() + self.frontends() + self.balancers()

    def named(self, names):
        known = {member.name: member for member in self.members()}
        for name in names:
            if name not in known:
                raise Broken(f'there is no {name}; there are: {" ".join(known)} (engines: tools/engines --dir {self.folder}/engines)')
        return [known[name] for name in names]

    def mark(self, member):
        return self.state['running'].get(member.name)

    def runs(self, member):
        return bool(mark := self.mark(member)) and process.lives(mark)

    # Starting

    def start(self, galkad, owner=None, at_its_end='remove'):
        """owner: a process; when it ends, however it does, the cluster is removed, or stopped."""
        if self.exists() and any(process.lives(mark) for mark in self.state['running'].values()):
            raise Broken(f'the cluster in {self.folder} runs already; tools/cluster stop ends it')
        if not self.shape.direct:
            Balancer.program()
        if self.shape.callgrind:
            callgrind()
        if self.shape.port and not ports.is_free(self.shape.port):
            raise Broken(f'port {self.shape.port} is taken, perhaps by another Galka: choose another (PORT=4256 make run-cluster)')
        self.galkad, self.is_ours = galkad, True
        with self.open():
            self.state |= {'galkad': galkad, 'shape': list(self.shape), 'owner': owner}
            self.save()
            if owner:
                process.watch(owner, self.folder, [PROGRAM, '--dir', self.folder, '--owner', str(owner), at_its_end])
            try:
                self.say('Starting PostgreSQL, Redis and Kafka (the first time Kafka is fetched, 50 MB) …')
                self.start_engines()
                self.say('Keys, topics, schema …')
                self.prepare()
                self.say('Roles …')
                self.bring_up(self.workers() + self.frontends())
                self.bring_up(self.balancers())  # takes frontends for ready at first
                self.write_env()
            except BaseException:
                self.halt()
                raise

    def start_engines(self):
        own = [word for setting in self.shape.settings if is_for_engine(setting) for word in ('--set', setting)]
        brokers = ['--brokers', str(self.shape.brokers)] if self.shape.brokers > 1 else []
        address = ['--address', self.shape.address] if self.shape.address else []
        self.call_engines(*(['--bench'] if self.shape.bench else []), *brokers, *address, *own, 'start', 'postgres', 'redis', 'kafka')

    def call_engines(self, *arguments):
        done = subprocess.run([self.engines_program, '--dir', f'{self.folder}/engines', *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False, start_new_session=True)
        if done.returncode == MISSING:
            raise Missing(done.stdout.strip().removeprefix('SKIPPED: '))
        if done.returncode:
            raise Broken(done.stdout.strip())

    def engines(self):
        """Their addresses."""
        with open(f'{self.folder}/engines/env', encoding='utf-8') as file:
            return dict(part.split('=', 1) for part in shlex.split(file.read()))

    def prepare(self):
        keys = f'{self.folder}/keys'
        if self.shape.callgrind:
            os.makedirs(self.callgrind_folder, exist_ok=True)
        more = [setting.split('=', 1) for setting in self.shape.settings if not is_for_engine(setting)]
        make_config(self.config, self.engines(), keys, f'{self.folder}/data', more)
        if not os.path.exists(keys):
            self.run_galkad('keys', keys)
        known = dict(more)
        wanted = {'partitions': max(12, self.shape.workers), 'frontend-partitions': max(16, self.shape.frontends)}
        topics = [*(word for name, number in wanted.items() if name not in known for word in (f'--{name}', str(number))), 'topics']
        self.run_galkad(*topics)
        self.run_galkad('migrate')
        limit = time.monotonic() + TOPICS_SECONDS
        while self.call_galkad('--dry-run', *topics).returncode and time.monotonic() < limit:
            time.sleep(0.1)  # the broker hears of them a moment later than the controller

    def call_galkad(self, *arguments):
        return subprocess.run([self.galkad, '--config', self.config, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                              start_new_session=True)

    def run_galkad(self, *arguments):
        done = self.call_galkad(*arguments)
        if done.returncode:
            raise Broken(f'galkad {arguments[-1]}: {done.stdout.strip()}')

    def bring_up(self, members):
        """All at once."""
        for member in members:
            self.children[member.name] = process.spawn(member.command(), member.log)
            self.state['running'][member.name] = process.mark_of(self.children[member.name].pid)
            self.save()
        limit = time.monotonic() + START_SECONDS
        for member in members:
            while not member.is_ready():
                if self.children[member.name].poll() is not None:
                    raise Broken(f'{member.name} ended with {self.children[member.name].returncode}; {member.log} says:\n{member.said()}')
                if time.monotonic() > limit:
                    raise Broken(f'{member.name} is not ready after {START_SECONDS:.0f} s; {member.log} says:\n{member.said()}')
                time.sleep(0.05)

    @staticmethod
    def answers(port):
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(('127.0.0.1', port)) == 0

    def start_some(self, names):
        with self.open():
            members = self.named(names)
            for member in members:
                if self.runs(member):
                    raise Broken(f'{member.name} runs')
            self.bring_up(members)
            self.write_env()

    def add_some(self, kinds):
        """One more worker of each of these roles."""
        for kind in kinds:
            if kind not in ROLES:
                raise Broken(f'a worker is one of {" ".join(ROLES)}, not {kind}')
            with self.open():
                index = 1 + max(worker.index for worker in self.workers() if worker.kind == kind)
                added = Role(kind, index, self)
                self.state['added'] = [*self.state.get('added', []), added.name]
                try:
                    self.bring_up([added])
                except BaseException:
                    self.kill([added])
                    raise
                self.write_env()
                self.say(added.name)

    # Ending

    def forget_added(self, members):
        gone = {member.name for member in members}
        self.state['added'] = [name for name in self.state.get('added', []) if name not in gone]

    def end(self, members):
        """SIGTERM to all of them, then their ends are awaited."""
        marks = [(member, mark) for member in members if (mark := self.state['running'].pop(member.name, None))]
        self.forget_added(members)
        for member, mark in marks:
            process.ask(mark, member.end_signal)
        for member, mark in marks:
            if not process.await_end(mark, STOP_SECONDS):
                self.say(f'{member.name} did not end within {STOP_SECONDS:.0f} s and was killed')
        self.save()

    def halt(self):
        self.end(self.frontends())
        self.end(self.balancers() + self.workers())
        if os.path.exists(f'{self.folder}/engines/state.json'):
            self.call_engines('stop')

    def stop(self):
        if not self.exists():
            return
        with self.open():
            running = [member for member in self.members() if self.runs(member)]
            if running:
                self.say('Ending: frontends tell their clients to go, workers finish, then the engines …')
            self.halt()

    def end_some(self, names):
        with self.open():
            self.end(self.named(names))

    def kill(self, members):
        for member in members:
            if mark := self.state['running'].pop(member.name, None):
                process.kill(mark)
        self.forget_added(members)

    def kill_some(self, names):
        with self.open():
            self.kill(self.named(names))

    def remove(self):
        with self.open():
            for mark in self.state['running'].values():
                process.kill(mark)
            self.call_engines('remove')
            shutil.rmtree(self.folder, ignore_errors=True)

    # While it runs

    def watch(self, say):
        """Shows codes as they are made, and who ended, until a signal comes."""
        logs = [open(role.log, encoding='utf-8', errors='replace') for role in self.workers() if role.kind == 'notify']
        alive = {member.name for member in self.members()}
        for log in logs:
            log.seek(0, os.SEEK_END)
        while True:
            for log in logs:
                for line in log:
                    if line.startswith(CODE):
                        say(line.rstrip())
            with contextlib.suppress(ValueError):
                self.read()
            for child in self.children.values():
                child.poll()  # or what has ended would stay a zombie
            now = {member.name for member in self.members() if self.runs(member)}
            for name in sorted(alive - now):
                say(f'{name} has ended; its log is {self.log_folder}/{name}.log; tools/cluster start {name} starts it again')
            for name in sorted(now - alive):
                say(f'{name} runs again')
            alive = now
            time.sleep(WATCH_SECONDS)

    def status(self):
        lines = []
        for member in self.members():
            health = f'/readyz on {member.health}' if isinstance(member, Role) else f'port {self.port()}'
            state = 'ready' if self.runs(member) and member.is_ready() else 'runs' if self.runs(member) else 'ended'
            lines.append(f'{member.name:<12}{state:<9}{health:<20} pid {(self.mark(member) or {}).get("pid", "-")}')
        done = subprocess.run([self.engines_program, '--dir', f'{self.folder}/engines', 'status'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        return '\n'.join(lines + [done.stdout.rstrip()])

    # Addresses

    def env(self):
        frontends = [role.listens() for role in self.frontends()]
        with open(f'{self.folder}/engines/state.json', encoding='utf-8') as file:
            running = {**json.load(file)['running'], **self.state['running']}
        return {**self.engines(), 'CLUSTER_DIR': self.folder, 'CLUSTER_CONFIG': self.config, 'CLUSTER_PORT': str(self.port()),
                'CLUSTER_ADDRESSES': ','.join(address for address, _ in frontends) if self.shape.direct else '127.0.0.1',
                'CLUSTER_FRONTENDS': ' '.join(f'{address}:{port}' for address, port in frontends),
                'CLUSTER_HEALTH': ' '.join(f'{role.name}:{role.health}' for role in self.workers() + self.frontends()),
                **({'CLUSTER_CALLGRIND': self.callgrind_folder} if self.shape.callgrind else {}),
                'CLUSTER_PROCESSES': ' '.join(f'{name}:{mark["pid"]}' for name, mark in running.items())}

    def write_env(self):
        with open(f'{self.folder}/env', 'w', encoding='utf-8') as file:
            file.write(''.join(f'{key}={shlex.quote(value)}\n' for key, value in self.env().items()))

    def say_env(self):
        with self.open():
            self.write_env()
        with open(f'{self.folder}/env', encoding='utf-8') as file:
            self.say(file.read().rstrip())


def is_for_engine(setting):
    return ':' in setting.partition('=')[0]
