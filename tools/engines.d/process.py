"""Processes that outlive the command which started them: known by pid and start time, so that a pid used again is never hit."""
import ctypes
import os
import signal
import subprocess
import sys
import time

PR_SET_PDEATHSIG = 1
WATCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'watch.py')


def stat_of(pid):
    """(state, parent, start time) of a process, or None when it is gone."""
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8', errors='replace') as file:
            fields = file.read().rpartition(')')[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[0], int(fields[1]), int(fields[19])


def mark_of(pid):
    """What a set's state keeps of a process."""
    stat = stat_of(pid)
    return {'pid': pid, 'started': stat[2] if stat else 0}


def lives(mark):
    stat = stat_of(mark['pid'])
    return bool(stat) and stat[2] == mark['started'] and stat[0] not in 'ZX'


def family(pid):
    """A process and all that descend from it: PostgreSQL's server processes each have a session of their own."""
    children = {}
    for entry in os.listdir('/proc'):
        if entry.isdigit() and (stat := stat_of(int(entry))):
            children.setdefault(stat[1], []).append(int(entry))
    found = [pid]
    for parent in found:
        found.extend(children.get(parent, []))
    return found


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def spawn(command, log, user=None, folder='/', environment=None):
    """Starts a process of its own session, its output appended to a file. Returns its Popen."""
    identity = {'user': user.pw_uid, 'group': user.pw_gid, 'extra_groups': []} if user else {}
    with open(log, 'ab') as output:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, cwd=folder,
                                env={**os.environ, 'LC_ALL': 'C.UTF-8', **(environment or {})}, **identity)


def watch(owner, folder, command):
    """When that process has ended and the folder is still there, COMMAND is run."""
    spawn([sys.executable, WATCH, str(owner), folder, *command], '/dev/null')


def run_for_us(command, environment):
    """A child that is killed when we are."""
    libc = ctypes.CDLL(None)
    return subprocess.Popen(command, env=environment, preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))


def ask(mark, number):
    """Asks a process to end by a signal; one that is paused could not hear it."""
    pause(mark, signal.SIGCONT)
    if lives(mark):
        send(mark['pid'], number)


def await_end(mark, seconds):
    """Waits for an end that was asked for; in the end SIGKILL. Returns whether it obeyed."""
    limit = time.monotonic() + seconds
    while lives(mark):
        if time.monotonic() > limit:
            kill(mark)
            return False
        time.sleep(0.02)
    return True


def kill(mark):
    """kill -9, the whole family: what is left of it must not stand in the way of the next start."""
    if not lives(mark):
        return
    send(mark['pid'], signal.SIGSTOP)
    pids = family(mark['pid'])
    marks = [mark_of(pid) for pid in pids]
    for pid in pids:
        send(pid, signal.SIGKILL)
    while any(lives(each) for each in marks):
        time.sleep(0.01)


def pause(mark, number):
    """SIGSTOP or SIGCONT to the whole family."""
    for pid in family(mark['pid']) if lives(mark) else []:
        send(pid, number)
