"""Certificates made on the spot: an authority, a server's certificate for the name localhost (so 127.0.0.1 is a wrong name), and
a second authority that signed nothing here."""
import os
import subprocess

DAYS = '30'


def openssl(*arguments):
    done = subprocess.run(['openssl', *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f'openssl {arguments[0]}: {done.stderr.strip().splitlines()[-1]}')


def authority(folder, name):
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', DAYS, '-subj', f'/CN=galka {name}',
            '-addext', 'basicConstraints=critical,CA:TRUE', '-keyout', f'{folder}/{name}.key', '-out', f'{folder}/{name}.pem')


def make(folder):
    """ca.pem, stranger.pem, server.pem, server.key (PKCS 8, as Java wants it) and server-all.pem, which has key and chain."""
    if os.path.exists(f'{folder}/server-all.pem'):
        return
    os.makedirs(folder, exist_ok=True)
    authority(folder, 'ca')
    authority(folder, 'stranger')
    openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=localhost', '-keyout',
            f'{folder}/server.key', '-out', f'{folder}/server.csr')
    with open(f'{folder}/server.ext', 'w', encoding='utf-8') as file:
        file.write('subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n')
    openssl('x509', '-req', '-in', f'{folder}/server.csr', '-CA', f'{folder}/ca.pem', '-CAkey', f'{folder}/ca.key', '-CAcreateserial', '-days',
            DAYS, '-extfile', f'{folder}/server.ext', '-out', f'{folder}/server.pem')
    parts = []
    for name in ('server.key', 'server.pem', 'ca.pem'):
        with open(f'{folder}/{name}', encoding='utf-8') as file:
            parts.append(file.read())
    with open(f'{folder}/server-all.pem', 'w', encoding='utf-8') as file:
        file.write(''.join(parts))
