"""A set of engines in one folder: what was asked for, ports, processes. All of it is in FOLDER/state.json, read and written under a
lock, since a test may stop an engine by another command than the one that started it."""
import contextlib
import fcntl
import glob
import json
import os
import re
import shlex
import shutil
import signal
import time

import certificates
import ports
import process
from engine import PASSWORD, USER, Broken
from kafka import Kafka, random_id
from postgres import Pgbouncer, Postgres
from redis import Redis

PROGRAM = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'engines')
START_SECONDS = 90.0
STOP_SECONDS = 20.0
LOG_LINES, LOG_LOOK = 12, 200
WRONG = re.compile(r'\b(ERROR|FATAL)\b|Exception')
ONE_BROKER = {'postgres': Postgres, 'redis': Redis, 'kafka1': Kafka, 'pgbouncer': Pgbouncer}


class Group:
    def __init__(self, folder, cache, given):
        self.folder, self.cache = folder, cache
        self.certificates = f'{folder}/certificates'
        self.asked = {'secure': given.secure, 'bench': given.bench, 'brokers': given.brokers, 'set': given.set, 'address': given.address}
        self.lost_seconds = given.seconds
        self.state = {}

    # The state

    @contextlib.contextmanager
    def open(self, create=False):
        """The set under its lock, with its state as it is now."""
        if create:
            os.makedirs(self.folder, exist_ok=True)
        elif not self.exists():
            raise Broken(f'there is no set in {self.folder}: start it first')
        with self.locked():
            self.read()
            yield
            if os.path.isdir(self.folder):
                self.save()

    @contextlib.contextmanager
    def locked(self):
        try:
            lock = open(f'{self.folder}/lock', 'w', encoding='utf-8')
        except FileNotFoundError as gone:
            raise Broken(f'the set in {self.folder} was removed this moment') from gone
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def exists(self):
        return os.path.exists(f'{self.folder}/state.json')

    def read(self):
        try:
            with open(f'{self.folder}/state.json', encoding='utf-8') as file:
                self.state = json.load(file)
        except FileNotFoundError:
            self.state = {**self.asked, 'brokers': self.asked['brokers'] or 1, 'address': self.asked['address'] or '127.0.0.1', 'id': random_id(),
                          'ports': {}, 'homes': {}, 'ready': [], 'running': {}, 'owner': None}
        self.secure, self.settings, self.address = self.state['secure'], self.state['set'], self.state['address']
        kinds = {**ONE_BROKER, **{f'kafka{i + 1}': Kafka for i in range(self.state['brokers'])}}
        self.engines = {name: kind(name, self) for name, kind in kinds.items()}

    def save(self):
        with open(f'{self.folder}/state.json.part', 'w', encoding='utf-8') as file:
            json.dump(self.state, file, indent=1)
        os.rename(f'{self.folder}/state.json.part', f'{self.folder}/state.json')

    def brokers(self):
        return [engine for engine in self.engines.values() if isinstance(engine, Kafka)]

    def ports_of(self, engine):
        if engine.name not in self.state['ports']:
            self.state['ports'][engine.name] = ports.claim(self.folder, engine.ports)
        return self.state['ports'][engine.name]

    def home_of(self, engine):
        if engine.name not in self.state['homes']:
            self.state['homes'][engine.name] = engine.make_home()
        return self.state['homes'][engine.name]

    def named(self, names):
        """The engines of these names; kafka is all brokers, no name is every engine that was ever started."""
        wanted = []
        for name in names or [name for name in self.engines if name in self.state['ready']]:
            found = self.brokers() if name == 'kafka' else [self.engines[name]] if name in self.engines else []
            if not found:
                raise Broken(f'there is no engine {name}; there are: kafka {" ".join(self.engines)}')
            wanted += [engine for engine in found if engine not in wanted]
        return wanted

    def mark(self, engine):
        return self.state['running'].get(engine.name)

    def runs(self, engine):
        return bool(mark := self.mark(engine)) and process.lives(mark)

    # What one can ask for

    def start(self, names, owner=None):
        sweep(self.cache)
        with self.open(create=True):
            self.check_asked()
            if owner:
                self.state['owner'] = process.mark_of(owner)
                process.watch(owner, self.folder, [PROGRAM, '--dir', self.folder, 'remove'])
            wanted = self.named(names)
            for engine in list(wanted):
                behind = self.engines.get(engine.needs)
                if behind and behind not in wanted:
                    wanted.insert(0, behind)
            for engine in wanted:
                engine.program()
            if self.secure:
                certificates.make(self.certificates)
            self.bring_up([engine for engine in wanted if not self.runs(engine)])

    def check_asked(self):
        for key, value in self.asked.items():
            if value and self.state[key] != value:
                raise Broken(f'the set in {self.folder} was made with {key} {self.state[key]}: remove it first')
        if self.secure and self.address != '127.0.0.1':
            raise Broken('the certificates of a secure set are for the name localhost: it stays on 127.0.0.1')

    def bring_up(self, engines):
        """All at once; when one does not come up, none of them stays."""
        started = {}
        try:
            for engine in engines:
                if engine.name not in self.state['ready']:
                    engine.clear()
                    engine.prepare()
                    self.state['ready'].append(engine.name)
                started[engine.name] = engine.spawn()
                self.state['running'][engine.name] = process.mark_of(started[engine.name].pid)
                self.save()
            self.write_env()
            limit = time.monotonic() + START_SECONDS
            for engine in engines:
                self.await_answer(engine, started[engine.name], limit)
        except BaseException:
            for name in started:
                process.kill(self.state['running'].pop(name))
            self.save()
            raise

    def await_answer(self, engine, child, limit):
        while True:
            try:
                if engine.answers():
                    return
            except OSError:
                pass
            ended = child.poll()
            if ended is not None or time.monotonic() > limit:
                how = f'ended with {ended}' if ended is not None else f'does not answer after {START_SECONDS:.0f} s'
                raise Broken(f'{engine.name} {how}; {engine.log} says:\n{tail(engine.log)}')
            time.sleep(0.03)

    def stop(self, names):
        with self.open():
            engines = self.named(names)
            # Who leans on another goes first: the pooler before PostgreSQL. Brokers go together, or the last would seek the others.
            for some in ([engine for engine in engines if engine.needs], [engine for engine in engines if not engine.needs]):
                marks = [(engine, mark) for engine in some if (mark := self.state['running'].pop(engine.name, None))]
                for engine, mark in marks:
                    process.ask(mark, engine.end_signal)
                for engine, mark in marks:
                    if not process.await_end(mark, STOP_SECONDS):
                        print(f'engines: {engine.name} did not stop within {STOP_SECONDS:.0f} s and was killed')

    def restart(self, names):
        with self.open():
            names = names or list(self.state['running'])
        self.stop(names)
        self.start(names)

    def kill(self, names):
        with self.open():
            for engine in self.named(names):
                if mark := self.state['running'].pop(engine.name, None):
                    process.kill(mark)

    def pause(self, names):
        self.signal(names, signal.SIGSTOP)

    def resume(self, names):
        self.signal(names, signal.SIGCONT)

    def signal(self, names, number):
        with self.open():
            for engine in self.named(names):
                if not self.runs(engine):
                    raise Broken(f'{engine.name} does not run')
                process.pause(self.mark(engine), number)

    def empty(self, names):
        self.lose(names or ['redis'])

    def lose(self, names):
        """kill -9, what is lost is lost, and on it goes."""
        with self.open():
            engines = self.named(names)
            for engine in engines:
                if not hasattr(engine, 'lose'):
                    raise Broken(f'{engine.name} loses nothing: it answers when it has it on the disk')
                if mark := self.state['running'].pop(engine.name, None):
                    process.kill(mark)
            now_ms = time.time() * 1000
            for engine in engines:
                engine.lose(now_ms - self.lost_seconds * 1000)
            self.bring_up(engines)

    def status(self):
        with self.open():
            lines = [f'{engine.name:<10}{"runs" if self.runs(engine) else "stopped":<9}port {engine.port:<6}pid {(self.mark(engine) or {}).get("pid", "-")}'
                     for engine in self.named([])]
        return '\n'.join(lines)

    def remove(self):
        if not self.exists():
            return
        # Another may be at it: who watches over the set, and the next run.
        with contextlib.suppress(Broken), self.open():
            for mark in self.state['running'].values():
                process.kill(mark)
            for home in self.state['homes'].values():
                shutil.rmtree(home, ignore_errors=True)
            shutil.rmtree(self.folder, ignore_errors=True)

    # Addresses

    def addresses(self):
        known = {'ENGINES_DIR': self.folder, 'ENGINES_SECURE': '1' if self.secure else '0', 'ENGINES_USER': USER,
                 'ENGINES_PASSWORD': PASSWORD if self.secure else ''}
        if self.secure:
            known |= {'ENGINES_CA': f'{self.certificates}/ca.pem', 'ENGINES_STRANGER_CA': f'{self.certificates}/stranger.pem'}
        for engine in self.named([]):
            known |= engine.addresses()
        return known

    def write_env(self):
        with open(f'{self.folder}/env', 'w', encoding='utf-8') as file:
            file.write(''.join(f'{key}={shlex.quote(value)}\n' for key, value in self.addresses().items()))

    def env(self):
        with self.open():
            self.write_env()
            with open(f'{self.folder}/env', encoding='utf-8') as file:
                return file.read()


class Leftover:
    """The options of a set that is only to be removed."""
    secure, bench, brokers, set, address, seconds = False, False, None, [], None, 0


def sweep(cache):
    """Removes what runs left behind that were killed together with those who watched over them."""
    for path in glob.glob(f'{cache}/run-*/state.json'):
        try:
            with open(path, encoding='utf-8') as file:
                owner = json.load(file)['owner']
        except (OSError, ValueError):
            continue
        if owner and not process.lives(owner):
            Group(os.path.dirname(path), cache, Leftover).remove()


def tail(path):
    """The last lines of a log; of one that tells much else (Kafka's), the last that tell of errors."""
    with open(path, encoding='utf-8', errors='replace') as file:
        lines = [line.rstrip() for line in file.readlines()[-LOG_LOOK:]]
    wrong = [line for line in lines if WRONG.search(line)] if any(' INFO ' in line for line in lines) else []
    return '\n'.join('  ' + line for line in (wrong or lines)[-LOG_LINES:])
