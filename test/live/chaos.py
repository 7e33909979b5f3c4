"""What live_chaos.py stands on: a cluster (tools/cluster), users at work on it (chaos_load), one who asks all the time and looks at the
clock, and the verdict after each fault: what was unavailable, how it came back, what rules were broken."""
import collections
import dataclasses
import errno
import json
import os
import re
import select
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import typing
import urllib.request

import wire
from host import Host
from rig import User

MISSING = 77  # exit code of tools/cluster: an engine is not installed and cannot be fetched
USERS = 40
CALM_SECONDS = 2.0
RECOVERY_SECONDS = 10.0  # after the return of what was lost
PATIENCE_SECONDS = 60.0
ANSWER_SECONDS = 8.0     # the deadline of a request is 5 s; the rest is for a busy machine
GROWTH_KIB = 64 * 1024   # that a process may be larger after a fault
ASK_EVERY_SECONDS = 0.5
DISKS_PARENT = '/var/tmp'  # PostgreSQL's user must get to its disk, wherever the checkout is
SETTINGS = ('connection-frames=100000', 'user-frames=100000', 'log-level=info', 'password-kib=1024')


@dataclasses.dataclass
class Fault:
    """What is done to a cluster, and what is asked of it then."""
    name: str
    act: typing.Callable
    selections: tuple            # that it belongs to, besides all
    world: str
    answers: bool                # whoever asks has an answer within the deadline, even while it lasts
    still: typing.Optional[float]  # seconds that a room may stand still; None: as long as what it needs is gone


@dataclasses.dataclass
class World:
    """A cluster, by the options of tools/cluster, and the disks of engines that are small, in MiB."""
    options: tuple = ()
    disks: dict = dataclasses.field(default_factory=dict)


class Users:
    """chaos_load."""

    def __init__(self, program, port, path, seed):
        self.process = subprocess.Popen([program, str(port), path, str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.said, self.rest = [], b''

    def ask(self, command, seconds=20.0):
        """One answer; what is no JSON is told to whoever reads."""
        if command:
            self.process.stdin.write(command.encode() + b'\n')
        end = time.monotonic() + seconds
        while True:
            while b'\n' in self.rest:
                line, self.rest = self.rest.split(b'\n', 1)
                if line.startswith(b'{'):
                    return json.loads(line)
                self.said.append(line.decode())
            if not select.select([self.process.stdout], [], [], max(end - time.monotonic(), 0))[0]:
                raise TimeoutError(f'the load does not answer {command!r} within {seconds} s')
            got = os.read(self.process.stdout.fileno(), 65536)
            if not got:
                raise EOFError(f'the load has ended: {self.said}')
            self.rest += got

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Asker(threading.Thread):
    """Writes one text after the other by hand, and keeps for how long each was not answered, and by what. A connection that is closed is an
    answer too: unknown (PROTOCOL, "Errors and repeats")."""

    def __init__(self, definition, port, user):
        super().__init__(daemon=True)
        self.definition, self.port, self.user = definition, port, user
        self.errors = {number: name for name, number in definition.errors.items()}
        self.longest, self.answers, self.ends, self.client = 0.0, collections.Counter(), threading.Event(), None

    def run(self):
        while not self.ends.wait(ASK_EVERY_SECONDS):
            start = time.monotonic()
            try:
                answer = self.ask_once()
            except (wire.Closed, OSError) as error:
                answer = 'none' if isinstance(error, TimeoutError) else 'closed'
                if self.client:
                    self.client.close()
                self.client = None
            self.longest = max(self.longest, time.monotonic() - start)
            self.answers[answer] += 1
        if self.client:
            self.client.close()

    def ask_once(self):
        if not self.client:
            self.client = wire.Client(self.definition, self.port, timeout=ANSWER_SECONDS)
            self.client.hello()
            answer = self.client.ask('join', {}, timeout=2 * ANSWER_SECONDS, token=self.user.token, device=self.user.device)
            if answer.name != 'joined':
                self.client.close()
                self.client = None
                return self.name_of(answer.body.get('error', 0))
            self.client.token = self.user.token
        room = wire.personal_room(self.user.user, self.user.user)
        body = {'operations': [{'id': wire.new_id(), 'kind': 1, 'text': 'are you there?'}]}
        answer = self.client.ask('write', body, timeout=2 * ANSWER_SECONDS, room=room)
        if answer.name == 'written':
            return self.name_of(answer.body['outcomes'][0].get('status', 0))
        return self.name_of(answer.body.get('error', answer.body.get('code', 0)))

    def name_of(self, number):
        return self.errors.get(number, str(number)) if number else 'done'

    def finish(self):
        self.ends.set()
        self.join(3 * ANSWER_SECONDS)


class ChaosRig:
    def __init__(self, galkad, load, root, parent, world, goal):
        """parent: a folder; world: World."""
        self.galkad, self.load_program, self.root, self.world, self.goal = galkad, load, root, world, goal
        self.kept_logs = os.path.join(parent, 'chaos.log')
        self.folder = tempfile.mkdtemp(prefix='chaos-', dir=DISKS_PARENT if world.disks else parent)
        os.chmod(self.folder, 0o755)  # PostgreSQL runs as its own user
        self.definition = wire.Definition(root)
        self.cluster_folder, self.bad, self.users = f'{self.folder}/cluster', False, None
        self.disks = {}
        self.host = Host()

    def __enter__(self):
        try:
            settings = [word for setting in SETTINGS for word in ('--set', setting)]
            for engine, mib in self.world.disks.items():
                self.mount(engine, mib)
            done = self.call('tools/cluster', '--dir', self.cluster_folder, '--port', '0', '--galkad', self.galkad, '--owner', str(os.getpid()),
                             *settings, *self.world.options, 'start')
            if done.returncode == MISSING:
                print(f'ok 1 - all # SKIP {done.stdout.strip()}', flush=True)
                sys.exit(0)
            if done.returncode:
                sys.exit(f'the cluster does not start: {done.stdout}')
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        if self.users:
            self.users.end()
        if self.bad and os.environ.get('KEEP'):
            shutil.copytree(f'{self.cluster_folder}/log', self.kept_logs, dirs_exist_ok=True)
            print(f'# logs: {self.kept_logs}', flush=True)
        self.call('tools/cluster', '--dir', self.cluster_folder, 'remove')
        for disk in self.disks.values():
            subprocess.run(['umount', disk], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.host.finish()

    # Small disks, in our own mount namespace: they end with us

    def mount(self, engine, mib):
        disk = f'{self.cluster_folder}/engines/{engine}'
        os.makedirs(disk)
        subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={mib}m', 'galka-chaos', disk], check=True)
        self.disks[engine] = disk

    def fill(self, engine):
        """Not a byte more fits on its disk. The file that takes the room."""
        path = f'{self.disks[engine]}/filler'
        with open(path, 'wb', buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
        return path

    # The cluster

    def call(self, program, *words):
        return subprocess.run([f'{self.root}/{program}', *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240, check=False)

    def sure(self, program, folder, *words):
        done = self.call(program, '--dir', folder, *words)
        if done.returncode:
            raise AssertionError(f'{program} {words}: {done.stdout}')
        return done.stdout

    def cluster(self, *words):
        return self.sure('tools/cluster', self.cluster_folder, *words)

    def engines(self, *words):
        return self.sure('tools/engines', f'{self.cluster_folder}/engines', *words)

    def env(self):
        return dict(part.split('=', 1) for part in shlex.split(self.cluster('env')))

    def pids(self):
        return {name: int(pid) for name, pid in (part.rsplit(':', 1) for part in self.env()['CLUSTER_PROCESSES'].split())}

    def members(self):
        """The processes of galkad."""
        return [part.rsplit(':', 1)[0] for part in self.env()['CLUSTER_HEALTH'].split()]

    def connections(self):
        """Of each frontend: joined clients."""
        found = []
        for part in self.env()['CLUSTER_HEALTH'].split():
            if part.startswith('frontend'):
                with urllib.request.urlopen(f'http://127.0.0.1:{part.rsplit(":", 1)[1]}/metrics', timeout=5) as page:
                    found += re.findall(r'^galka_frontend_ready\S* (\S+)$', page.read().decode(), re.MULTILINE)
        return found

    def await_ready(self):
        """Every process says that it can do its work."""
        end = time.monotonic() + PATIENCE_SECONDS
        for part in self.env()['CLUSTER_HEALTH'].split():
            name, port = part.rsplit(':', 1)
            while not self.is_ready(port):
                if time.monotonic() > end:
                    raise AssertionError(f'{name} does not become ready')
                time.sleep(0.1)

    @staticmethod
    def is_ready(port):
        try:
            with urllib.request.urlopen(f'http://127.0.0.1:{port}/readyz', timeout=5) as page:
                return page.status == 200
        except OSError:
            return False

    def number(self, name, metric):
        """Of a process: the sum of the samples that begin so."""
        port = dict(part.rsplit(':', 1) for part in self.env()['CLUSTER_HEALTH'].split())[name]
        with urllib.request.urlopen(f'http://127.0.0.1:{port}/metrics', timeout=5) as page:
            return sum(float(line.split()[-1]) for line in page.read().decode().splitlines() if line.startswith(metric))

    def memory(self):
        """{(name, pid): KiB that are its own} of galkad's processes."""
        found, members = {}, self.members()
        for name, pid in self.pids().items():
            if name in members:
                with open(f'/proc/{pid}/status', encoding='ascii') as lines:
                    found[name, pid] = sum(int(line.split()[1]) for line in lines if line.startswith(('RssAnon:', 'VmSwap:')))
        return found

    def import_users(self, prefix, count):
        source, path = f'{self.folder}/{prefix}.tsv', f'{self.folder}/{prefix}.users'
        with open(source, 'w', encoding='utf-8') as file:
            file.writelines(f'{prefix}{index}\t{prefix}{index}@example.org\tUser {index}\n' for index in range(count))
        with open(path, 'w', encoding='utf-8') as file:
            subprocess.run([self.galkad, '--config', self.env()['CLUSTER_CONFIG'], '--log-level', 'warning', 'user', 'import', source], stdout=file,
                           check=True, timeout=60)
        return path

    # A fault says these

    def back(self):
        """What was lost is there again, or nobody waits for it."""
        self.users.ask('back')

    def told(self):
        return self.users.ask('tell')

    def await_recovery(self):
        end = time.monotonic() + PATIENCE_SECONDS
        while (told := self.told())['recovered'] < told['rooms'] and time.monotonic() < end:
            time.sleep(0.1)
        return told

    # One fault

    def try_out(self, number, fault):
        start, violations, row = time.monotonic(), [], {'fault': fault.name}
        asker = None
        try:
            self.await_ready()
            path = self.import_users(f'f{number}x', USERS + 1)
            with open(path, encoding='utf-8') as lines:
                own = User(list(lines)[-1].rstrip('\n'))
            port = int(self.env()['CLUSTER_PORT'])
            asker = Asker(self.definition, port, own)
            self.users = Users(self.load_program, port, path, number)
            self.users.ask('', 40)
            asker.start()
            self.expose(fault, row, violations)
        except Exception:  # whatever went wrong is this fault's failure, and the next one is tried
            violations.append(traceback.format_exc().splitlines()[-1])
            for line in traceback.format_exc().splitlines():
                print(f'# {line}')
        finally:
            if self.users:
                for line in self.users.said[:10]:
                    print(line if line.startswith('#') else f'# {line}')
                self.users.end()
            self.users = None
            if asker and asker.is_alive():
                asker.finish()
        if asker:
            row |= {'longest_answer': round(asker.longest, 2), 'answers': dict(asker.answers)}
            if fault.answers and asker.longest > ANSWER_SECONDS + row.get('frozen', 0):
                violations.append(f'a request had no answer for {asker.longest:.1f} s: {dict(asker.answers)}')
        row |= {'violations': violations, 'seconds': round(time.monotonic() - start, 1)}
        self.bad |= bool(violations)
        for line in violations:
            print(f'# {line}')
        print(f'# {json.dumps(row)}')
        print(f'{"not ok" if violations else "ok"} {number} - {fault.name}', flush=True)
        return row

    def expose(self, fault, row, violations):
        self.users.ask('begin')
        time.sleep(CALM_SECONDS)
        calm, before = self.told(), self.memory()
        self.users.ask('begin')
        moment = self.host.moment()
        fault.act(self)
        told = self.await_recovery()
        if told['recovery_p99'] > RECOVERY_SECONDS + self.host.frozen_since(moment):
            violations.append(f'it was not back within {RECOVERY_SECONDS:.0f} s: {told["recovered"]} of {told["rooms"]} rooms, '
                              f'half of them after {told["recovery_p50"]:.1f} s, p99 {told["recovery_p99"]:.1f} s')
        if (now := told)['acknowledged'] < self.goal:
            time.sleep(CALM_SECONDS)
            now = self.told()
            self.users.ask('hurry')  # the rest of the goal is about the rules, no more about time
        end = time.monotonic() + PATIENCE_SECONDS
        while (acknowledged := self.told()['acknowledged']) < self.goal:
            if time.monotonic() > end:
                violations.append(f'only {acknowledged} messages were acknowledged')
                break
            time.sleep(0.1)
        self.await_ready()
        row['frozen'] = round(self.host.frozen_since(moment), 2)
        # What is judged is how long a partition stands still; what is seen is a room, which under this load waits its turn besides, as in calm.
        allowed = fault.still and fault.still + calm['longest_gap'] + row['frozen']
        if allowed and now['longest_gap'] > allowed:
            violations.append(f'a room stood still for {now["longest_gap"]:.1f} s, and {allowed:.1f} s are allowed: {calm["longest_gap"]:.1f} s of '
                              'them were seen before the fault')
        rest = self.users.ask('rest', 150)
        violations += rest['violations']
        after = self.memory()
        growth = max((after[key] - before[key] for key in after if key in before), default=0)
        if growth > GROWTH_KIB:
            violations.append(f'a process has grown by {growth // 1024} MiB')
        row |= {'unavailable': now['longest_gap'], 'silent': now['longest_silence'], 'calm_gap': calm['longest_gap'], 'recovery_p50': told['recovery_p50'],
                'recovery_p99': told['recovery_p99'], 'rest': rest['rest'], 'acknowledged': rest['acknowledged'], 'growth_kib': growth}


def report(rows, folder):
    """The table, and the file, where those of earlier runs stay. Returns the exit code."""
    known, path = {}, os.path.join(folder, 'chaos.json')
    if os.path.exists(path):
        with open(path, encoding='utf-8') as file:
            known = {row['fault']: row for row in json.load(file)}
    known |= {row['fault']: row for row in rows}
    with open(path, 'w', encoding='utf-8') as file:
        json.dump(list(known.values()), file, indent=1)
        file.write('\n')
    layout = '# {:<42}{:>13}{:>14}{:>16}{:>14}{:>11}{:>8}{:>12}'
    print(layout.format('fault', 'unavailable', 'p99 recovery', 'longest answer', 'acknowledged', 'memory', 'frozen', 'violations'))
    for row in rows:
        times = [f'{row[name]:.1f} s' if name in row else '-' for name in ('unavailable', 'recovery_p99', 'longest_answer')]
        memory = f'{row["growth_kib"] / 1024:+.1f} MiB' if 'growth_kib' in row else '-'
        frozen = f'{row["frozen"]:.1f} s' if row.get('frozen') else '-'
        print(layout.format(row['fault'], *times, row.get('acknowledged', '-'), memory, frozen, 'SKIPPED' if 'skipped' in row else len(row['violations'])))
    sys.stdout.flush()
    return 1 if any(row['violations'] for row in rows) else 0
