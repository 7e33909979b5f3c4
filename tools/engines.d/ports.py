"""Free ports, kept for a set until it is removed: an engine that is stopped finds its port again.

They lie below the range from which the kernel gives ports to outgoing connections, or one of those might take a stopped
engine's. A file in /tmp says which set claims which, since between choosing a port and listening on it seconds pass.
"""
import fcntl
import json
import os
import random
import socket

FIRST, LAST = 20000, 32000


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('', port))
        except OSError:
            return False
    return True


def claim(folder, count):
    """count ports for the set in this folder."""
    path = f'/tmp/galka-engines-{os.getuid()}.ports'
    with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), 'r+', encoding='utf-8') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        text = file.read()
        claims = {int(port): owner for port, owner in json.loads(text).items() if os.path.isdir(owner)} if text else {}
        ports = []
        while len(ports) < count:
            port = random.randint(FIRST, LAST)
            if port not in claims and is_free(port):
                claims[port] = folder
                ports.append(port)
        file.seek(0)
        file.truncate()
        json.dump(claims, file)
    return ports
