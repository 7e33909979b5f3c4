#!/usr/bin/python3
"""A cluster under load to which things happen (chaos.py): called with GALKAD CHAOS_LOAD ROOT FOLDER and what to do to it: short, all, or names
of faults. Prints TAP and a table; FOLDER/chaos.json has the figures."""
import ctypes
import os
import signal
import subprocess
import sys
import time

from chaos import ChaosRig, Fault, report
from tap import expect, expect_equal

ENGINES_ADDRESS = '127.0.0.5'  # where they are when they can be cut off
CLONE_NEWNET = 0x40000000
WORLDS = {'one broker': [], 'three brokers': ['--brokers', '3'], 'a network': ['--address', ENGINES_ADDRESS]}  # clusters, by tools/cluster's options
FAULTS = []


def fault(name, short=False, world='one broker', answers=True):
    """answers: whoever asks has an answer within the deadline, even while it lasts."""
    def add(act):
        FAULTS.append(Fault(name, act, short, world, answers))
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


for _kind in ('session', 'auth', 'query', 'notify', 'frontend'):
    fault(f'kill {_kind}', short=_kind in ('session', 'frontend'))(kill_member(f'{_kind}-0'))
    fault(f'restart {_kind}')(restart_member(f'{_kind}-0'))
for _kind, _seconds in (('session', 3), ('session', 10), ('auth', 5), ('query', 5), ('notify', 5), ('frontend', 5), ('frontend', 10)):
    fault(f'freeze {_kind} {_seconds} s', answers=_kind != 'frontend')(freeze_member(f'{_kind}-1', _seconds))


@fault('rolling restart')
def rolling_restart(rig):
    """Each process of galkad in turn, as an upgrade does it."""
    for name in rig.members():
        rig.cluster('end', name)
        rig.cluster('start', name)
    rig.back()


@fault('index taken', short=True)
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


@fault('empty redis', short=True)
def empty_redis(rig):
    rig.engines('empty')
    rig.back()


@fault('lose 2 s of kafka')
def lose_kafka(rig):
    rig.engines('lose', 'kafka')
    rig.back()


for _engine in ('postgres', 'redis', 'kafka'):
    fault(f'stop {_engine} 15 s', short=_engine == 'postgres')(stop_engine(_engine, 15))
    fault(f'kill {_engine}')(stop_engine(_engine, 0, 'kill'))
    fault(f'freeze {_engine} 5 s')(freeze_engine(_engine, 5))
    fault(f'stop {_engine} 60 s')(stop_engine(_engine, 60))


# ---- one broker of three; the network between galkad and the engines ----

for _how in ('stop', 'kill'):
    fault(f'{_how} one broker of three', world='three brokers')(stop_engine('kafka2', 10, _how))
fault('freeze one broker of three 10 s', world='three brokers')(freeze_engine('kafka1', 10))


@fault('cut the network for 10 s', world='a network')
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

@fault('stop postgres 10 s, kill session')
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


def chosen(words):
    if words == ['all']:
        return FAULTS
    if words == ['short']:
        return [each for each in FAULTS if each.short]
    known = {each.name: each for each in FAULTS}
    unknown = [word for word in words if word not in known]
    if unknown or not words:
        sys.exit(f'chaos: there is no {", ".join(unknown) or "nothing"}; there are: short, all, {", ".join(known)}')
    return [known[word] for word in words]


def interrupted(number, _):
    sys.exit(128 + number)


def why_not(world):
    """Why this world cannot be made here; None: it can. A network of our own has us in it from then on."""
    if world != 'a network':
        return None
    if os.getuid() != 0:
        return 'only root can cut a network'
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        return f'there are no network namespaces here: {os.strerror(ctypes.get_errno())}'
    for command in (['link', 'set', 'lo', 'up'], ['route', 'add', 'blackhole', '127.0.0.9/32', 'table', 'local']):
        done = subprocess.run(['ip', *command], capture_output=True, text=True, check=False)
        if done.returncode:
            return f'ip {" ".join(command)}: {done.stderr.strip()}'
    return None


def main():
    paths, words = [os.path.abspath(path) for path in sys.argv[1:5]], sys.argv[5:]
    faults, rows = chosen(words), []
    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGHUP, interrupted)
    print(f'1..{len(faults)}', flush=True)
    for world, options in WORLDS.items():
        here = [each for each in faults if each.world == world]
        reason = why_not(world) if here else None
        if reason:
            for each in here:
                rows.append({'fault': each.name, 'skipped': reason, 'violations': []})
                print(f'ok {len(rows)} - {each.name} # SKIP {reason}', flush=True)
        elif here:
            with ChaosRig(*paths, options, goal=1500 if words == ['short'] else 10000) as rig:
                for each in here:
                    rows.append(rig.try_out(len(rows) + 1, each))
    return report(rows, paths[3])


if __name__ == '__main__':
    sys.exit(main())
