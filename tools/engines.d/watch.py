#!/usr/bin/python3
"""watch PID FOLDER COMMAND...: once that process has ended, however it did, and if FOLDER is still there, does what COMMAND says. So what was
started for somebody does not outlive him, even when he is killed and cannot clean up."""
import os
import select
import sys


def await_end(pid):
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    select.select([descriptor], [], [])


def main():
    pid, folder, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    await_end(pid)
    if os.path.isdir(folder):
        os.execv(command[0], command)


if __name__ == '__main__':
    main()
