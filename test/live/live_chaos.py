#!/usr/bin/python3
"""A cluster under load to which things happen (chaos.py): called with GALKAD CHAOS_LOAD ROOT FOLDER and what to do to it: short (what everything
tries), long (every class once, within ten minutes), all, or names of faults. Prints TAP and a table; FOLDER/chaos.json has the figures."""
import ctypes
import os
import signal
import subprocess
import sys
import time

from chaos import ChaosRig, Fault, World, report
from tap import expect, expect_equal, wait_until

ENGINES_ADDRESS = '127.0.0.5'  # where they are when they can be cut off
CLONE_NEWNET, CLONE_NEWNS = 0x40000000, 0x00020000
WORLDS = {
    'one broker': World(),
    'three brokers': World(('--brokers', '3')),
    'a network': World(('--address', ENGINES_ADDRESS)),
    'small disks': World(('--set', 'postgres:max_wal_size=64MB', '--set', 'postgres:min_wal_size=32MB'), {'postgres': 192, 'kafka1': 192}),
}
CLEAN_SECONDS = 1.0  # that a partition stands still when its worker leaves or another one comes
CRASH_SECONDS = 8.0  # the same when it is killed
BOTH = ('short', 'long')
FAULTS = []


def fault(name, *selections, world='one broker', answers=True, still=None):
    """See Fault."""
    def add(act):
        FAULTS.append(Fault(name, act, selections, world, answers, still))
        return act
    return add


# ---- processes of galkad ----

def kill_member(name):
    def act(rig):
        """Others take over, without it."""
        rig.cluster('kill', name)
        rig.back()
        rig.await_recovery()
        rig.cluster('start', name)
    return act


def freeze_member(name, seconds):
    def act(rig):
        pid = rig.pids()[name]
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)
        rig.back()
    return act


def restart_member(name):
    def act(rig):
        """A clean leave, and back."""
        rig.cluster('end', name)
        time.sleep(3)
        rig.cluster('start', name)
        rig.back()
    return act


def add_member(kind, how):
    def act(rig):
        """One more comes, has its share, and goes."""
        name = rig.cluster('add', kind).strip()
        rig.back()
        wait_until(lambda: rig.number(name, 'galka_worker_records_total') > 0, f'{name} works')
        rig.await_recovery()
        time.sleep(3)
        rig.cluster(how, name)
        rig.back()
    return act


for _kind in ('session', 'auth', 'query', 'notify', 'frontend'):
    fault(f'kill {_kind}', *BOTH if _kind in ('session', 'frontend') else (), still=CRASH_SECONDS)(kill_member(f'{_kind}-0'))
    fault(f'restart {_kind}', still=CLEAN_SECONDS)(restart_member(f'{_kind}-0'))
fault('add session', 'short', still=CLEAN_SECONDS)(add_member('session', 'end'))
fault('add session, kill it', still=CRASH_SECONDS)(add_member('session', 'kill'))
for _kind, _seconds in (('session', 3), ('session', 10), ('auth', 5), ('query', 5), ('notify', 5), ('frontend', 5), ('frontend', 10)):
    fault(f'freeze {_kind} {_seconds} s', *('long',) if (_kind, _seconds) == ('session', 10) else (), answers=_kind != 'frontend')(
        freeze_member(f'{_kind}-1', _seconds))


@fault('rolling restart', 'long')
def rolling_restart(rig):
    """Each process of galkad in turn, as an upgrade does it."""
    for name in rig.members():
        rig.cluster('end', name)
        rig.cluster('start', name)
    rig.back()


@fault('index taken', 'long')
def index_taken(rig):
    """A second frontend with an index that is held says so in one line and ends; clients of the first stay."""
    before = rig.connections()
    done = subprocess.run([rig.galkad, '--config', rig.env()['CLUSTER_CONFIG'], '--data', f'{rig.folder}/second', '--index', '0', '--port', '0', 'frontend'],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    own = [line for line in done.stderr.splitlines() if line.startswith('galkad: ')]
    expect_equal((done.returncode, len(own)), (1, 1), f'exit code and lines: {done.stdout}{done.stderr}')
    expect('frontend 0' in own[0] and '--index' in own[0], own[0])
    expect_equal(rig.connections(), before, 'connections of both frontends, and how many had come')
    rig.back()


# ---- engines ----

def stop_engine(name, seconds, how='stop'):
    def act(rig):
        rig.engines(how, name)
        time.sleep(seconds)
        rig.engines('start', name)
        rig.back()
    return act


def freeze_engine(name, seconds):
    def act(rig):
        rig.engines('pause', name)
        try:
            time.sleep(seconds)
        finally:
            rig.engines('resume', name)
        rig.back()
    return act


@fault('empty redis', *BOTH)
def empty_redis(rig):
    rig.engines('empty')
    rig.back()


@fault('lose 2 s of kafka', 'long')
def lose_kafka(rig):
    rig.engines('lose', 'kafka')
    rig.back()


for _engine in ('postgres', 'redis', 'kafka'):
    fault(f'stop {_engine} 8 s', *{'postgres': BOTH, 'kafka': ('long',)}.get(_engine, ()))(stop_engine(_engine, 8))
    fault(f'kill {_engine}')(stop_engine(_engine, 0, 'kill'))
    fault(f'freeze {_engine} 5 s')(freeze_engine(_engine, 5))
    fault(f'stop {_engine} 60 s', 'minute')(stop_engine(_engine, 60))


def fill_disk(engine, name):
    def act(rig):
        """Whoever does not bear it is started again once there is room, as its service manager would."""
        filler = rig.fill(name)
        try:
            time.sleep(10)
        finally:
            os.remove(filler)
        rig.engines('start', engine)
        rig.back()
    return act


fault('disk of postgres full for 10 s', world='small disks')(fill_disk('postgres', 'postgres'))
fault('disk of kafka full for 10 s', 'long', world='small disks')(fill_disk('kafka', 'kafka1'))


# ---- one broker of three; the network between galkad and the engines ----

for _how in ('stop', 'kill'):
    fault(f'{_how} one broker of three', *('long',) if _how == 'kill' else (), world='three brokers')(stop_engine('kafka2', 10, _how))
fault('freeze one broker of three 10 s', world='three brokers')(freeze_engine('kafka1', 10))


@fault('cut the network for 10 s', 'long', world='a network')
def cut(rig):
    """No packet reaches an engine, and nobody is told; then what was sent goes on."""
    routes = ['blackhole', f'{ENGINES_ADDRESS}/32', 'table', 'local']
    subprocess.run(['ip', 'route', 'add', *routes], check=True)
    try:
        time.sleep(10)
    finally:
        subprocess.run(['ip', 'route', 'del', *routes], check=True)
    rig.back()


# ---- two at once ----

@fault('stop postgres 10 s, kill session', 'long')
def postgres_and_session(rig):
    rig.engines('stop', 'postgres')
    time.sleep(5)
    rig.cluster('kill', 'session-0')
    time.sleep(5)
    rig.engines('start', 'postgres')
    rig.back()
    rig.await_recovery()
    rig.cluster('start', 'session-0')


@fault('empty redis, kill frontend')
def redis_and_frontend(rig):
    rig.cluster('kill', 'frontend-1')
    rig.engines('empty')
    rig.back()
    rig.await_recovery()
    rig.cluster('start', 'frontend-1')


@fault('kill kafka, kill postgres')
def kafka_and_postgres(rig):
    rig.engines('kill', 'kafka', 'postgres')
    rig.engines('start', 'kafka', 'postgres')
    rig.back()


@fault('kill one broker of three, kill session', world='three brokers')
def broker_and_session(rig):
    rig.engines('kill', 'kafka2')
    rig.cluster('kill', 'session-0')
    time.sleep(5)
    rig.engines('start', 'kafka2')
    rig.back()
    rig.await_recovery()
    rig.cluster('start', 'session-0')


SELECTIONS = ('short', 'long', 'minute', 'all')


def chosen(words):
    if len(words) == 1 and words[0] in SELECTIONS:
        return [each for each in FAULTS if words[0] in (*each.selections, 'all')]
    known = {each.name: each for each in FAULTS}
    unknown = [word for word in words if word not in known]
    if unknown or not words:
        sys.exit(f'chaos: there is no {", ".join(unknown) or "nothing"}; there are: {", ".join(SELECTIONS)}; {", ".join(known)}')
    return [known[word] for word in words]


def interrupted(number, _):
    sys.exit(128 + number)


def leave_for(namespace, commands):
    """A namespace of our own, in which we are from then on, and what has to be done there first. Why not; None: it worked."""
    if os.getuid() != 0:
        return 'it takes root'
    if ctypes.CDLL(None, use_errno=True).unshare(namespace):
        return f'there are no such namespaces here: {os.strerror(ctypes.get_errno())}'
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return f'{" ".join(command)}: {done.stderr.strip()}'
    return None


def why_not(world):
    """Why this world cannot be made here; None: it can."""
    if world == 'a network':
        return leave_for(CLONE_NEWNET, (['ip', 'link', 'set', 'lo', 'up'], ['ip', 'route', 'add', 'blackhole', '127.0.0.9/32', 'table', 'local']))
    if world == 'small disks':  # a mount like ours, seen by nobody else, is tried out
        return leave_for(CLONE_NEWNS, (['mount', '--make-rprivate', '/'], ['mount', '-t', 'tmpfs', '-o', 'size=1m', 'galka-chaos', '/mnt'],
                                       ['umount', '/mnt']))
    return None


def main():
    paths, words = [os.path.abspath(path) for path in sys.argv[1:5]], sys.argv[5:]
    faults, rows = chosen(words), []
    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGHUP, interrupted)
    print(f'1..{len(faults)}', flush=True)
    for world, shape in WORLDS.items():
        here = [each for each in faults if each.world == world]
        reason = why_not(world) if here else None
        if reason:
            for each in here:
                rows.append({'fault': each.name, 'skipped': reason, 'violations': []})
                print(f'ok {len(rows)} - {each.name} # SKIP {reason}', flush=True)
        elif here:
            with ChaosRig(*paths, shape, goal=1500 if words == ['short'] else 10000) as rig:
                for each in here:
                    rows.append(rig.try_out(len(rows) + 1, each))
    return report(rows, paths[3])


if __name__ == '__main__':
    sys.exit(main())
