#!/usr/bin/python3
"""What TLS costs a frontend: memory of an idle connection, processor time of a handshake, anew and resumed (of all the process, so that on
a busy machine what it does besides counts too). Called with GALKAD and, if 2000 are not
meant, a number of connections; figures are of docs/decisions/0022-tls.md."""
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

CONNECTIONS = 2000
HANDSHAKES = 600


def memory_bytes(pid):
    with open(f'/proc/{pid}/status', encoding='ascii') as lines:
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith('RssAnon:'))


def processor_seconds(pid):
    with open(f'/proc/{pid}/stat', encoding='ascii') as file:
        fields = file.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


class Server:
    def __init__(self, galkad, folder, key):
        self.certificate = os.path.join(folder, f'{key}.pem')
        kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] if key == 'ec' else ['-newkey', 'rsa:2048']
        subprocess.run(['openssl', 'req', '-x509', *kind, '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost',
                        '-keyout', f'{self.certificate}.key', '-out', self.certificate], check=True, capture_output=True)
        self.process = subprocess.Popen([galkad, '--data', os.path.join(folder, f'data-{key}'), '--port', '0', '--log-level', 'error', '--sign-in-ms', '600000',
                                         '--tls-certificate', self.certificate, '--tls-key', f'{self.certificate}.key', 'all'], stdout=subprocess.PIPE)
        self.port = int(re.search(rb':(\d+)', self.process.stdout.readline())[1])
        self.pid = self.process.pid

    def context(self, version):
        context = ssl.create_default_context(cafile=self.certificate)
        context.minimum_version = context.maximum_version = version
        return context

    def connect(self, context=None, session=None):
        plain = socket.create_connection(('127.0.0.1', self.port))
        return context.wrap_socket(plain, server_hostname='localhost', session=session) if context else plain

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def idle(server, name, context, connections):
    """Each said Hello, so that nothing more is under way."""
    hello = bytes.fromhex('00000005') + b'\x01' + bytes.fromhex('08011001')
    warm = [server.connect(context) for _ in range(50)]
    time.sleep(0.5)
    before = memory_bytes(server.pid)
    held = []
    for _ in range(connections):
        client = server.connect(context)
        client.sendall(hello)
        client.recv(4096)
        held.append(client)
    time.sleep(0.5)
    print(f'idle {name}: {(memory_bytes(server.pid) - before) / connections:.0f} bytes a connection', flush=True)
    for client in held + warm:
        client.close()
    time.sleep(0.5)


def handshakes(server, name, context, resumed):
    session = None
    if resumed:
        with server.connect(context) as client:
            client.sendall(bytes.fromhex('00000005') + b'\x01' + bytes.fromhex('08011001'))
            client.recv(4096)
            session = client.session
    before = processor_seconds(server.pid)
    for _ in range(HANDSHAKES):
        with server.connect(context, session) as client:
            if resumed and not client.session_reused:
                sys.exit('not resumed')
            if not context:
                client.sendall(b'\x00')
    time.sleep(0.2)
    spent = processor_seconds(server.pid) - before
    print(f'handshakes {name}: {HANDSHAKES / spent:.0f} a processor second, {1000000 * spent / HANDSHAKES:.0f} us each, connection and all', flush=True)


def main():
    galkad, connections = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else CONNECTIONS
    folder = tempfile.mkdtemp(prefix='galka-tls-')
    try:
        for key in ('ec', 'rsa'):
            server = Server(galkad, folder, key)
            new, old = server.context(ssl.TLSVersion.TLSv1_3), server.context(ssl.TLSVersion.TLSv1_2)
            try:
                if key == 'ec':
                    handshakes(server, 'none, plain', None, False)
                    idle(server, 'plain', None, connections)
                    idle(server, 'TLS 1.3', new, connections)
                handshakes(server, f'TLS 1.3, {key}', new, False)
                handshakes(server, f'TLS 1.2, {key}', old, False)
                if key == 'ec':
                    handshakes(server, 'TLS 1.3, resumed', new, True)
            finally:
                server.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


main()
