"""Certificates for the live suites."""
import os
import subprocess

from tap import expect_equal


class Certificates:
    """Made by openssl in a folder of the test's own."""

    def __init__(self, folder):
        self.folder = folder
        os.mkdir(folder)
        for authority in ('ca', 'other-ca'):
            self.openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30', '-subj', f'/CN={authority}',
                         '-keyout', self.path(f'{authority}.key'), '-out', self.path(f'{authority}.pem'))
        self.make('good')
        self.make('expired', days='-1')
        self.make('elsewhere', names='DNS:elsewhere.example.org')
        self.make('unknown', authority='other-ca')
        self.make('self', authority=None)

    def path(self, name):
        return os.path.join(self.folder, name)

    def openssl(self, *words):
        done = subprocess.run(['openssl', *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        expect_equal(done.returncode, 0, f'openssl {words}: {done.stderr}')

    def make(self, name, names='DNS:localhost,IP:127.0.0.1', authority='ca', days='30', key='ec'):
        kind = ('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256') if key == 'ec' else ('-newkey', key)
        extension = self.path(f'{name}.ext')
        with open(extension, 'w', encoding='ascii') as file:
            file.write(f'subjectAltName={names}\n')
        self.openssl('req', *kind, '-nodes', '-subj', f'/CN={name}', '-keyout', self.path(f'{name}.key'), '-out', self.path(f'{name}.csr'))
        signer = ('-CA', self.path(f'{authority}.pem'), '-CAkey', self.path(f'{authority}.key'), '-CAcreateserial') if authority else \
            ('-signkey', self.path(f'{name}.key'))
        self.openssl('x509', '-req', '-in', self.path(f'{name}.csr'), *signer, '-days', days, '-extfile', extension, '-out', self.path(f'{name}.pem'))

    def options(self, name):
        return '--tls-certificate', self.path(f'{name}.pem'), '--tls-key', self.path(f'{name}.key')
