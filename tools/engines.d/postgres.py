"""PostgreSQL, and PgBouncer in front of it."""
import glob
import os
import shutil
import signal
import subprocess

from engine import DATABASE, PASSWORD, USER, Engine, Missing, once, program, run


def programs():
    found = sorted(glob.glob('/usr/lib/postgresql/*/bin/initdb'))
    if not found:
        raise Missing('PostgreSQL is not installed: apt-get install postgresql-15 (make deps-test does)')
    return found[-1].rpartition('/')[0]


def accepts(engine):
    """Whether a PostgreSQL server, or its pooler, lets clients in; needs neither password nor TLS."""
    done = subprocess.run([f'{programs()}/pg_isready', '-q', '-h', engine.address, '-p', str(engine.port), '-U', USER, '-d', DATABASE, '-t', '2'],
                          check=False)
    return done.returncode == 0


def conninfo(engine):
    """What libpq takes."""
    address = f'host={engine.host}' + (f' hostaddr={engine.address}' if engine.secure else '')
    text = f'{address} port={engine.port} user={USER} dbname={DATABASE}'
    if engine.secure:
        text += f' password={PASSWORD} sslmode=verify-full sslrootcert={engine.group.certificates}/ca.pem'
    return text


class Postgres(Engine):
    """With the role and the database galka; every commit on the disk (fdatasync)."""
    own_user = True
    end_signal = signal.SIGINT  # does not wait for clients

    def program(self):
        return f'{programs()}/postgres'

    def settings(self):
        lines = [f"listen_addresses = '{self.address}'", f'port = {self.port}', "unix_socket_directories = ''", 'max_connections = 200',
                 'wal_sync_method = fdatasync', "log_line_prefix = '%m [%p] '"]
        if self.secure:
            lines += ['ssl = on', f"ssl_cert_file = '{self.home}/server.pem'", f"ssl_key_file = '{self.home}/server.key'",
                      f"ssl_ca_file = '{self.home}/ca.pem'"]
        return lines + self.more("{} = '{}'")

    def alone(self, sql):
        """Runs SQL where nobody listens on a port."""
        run([f'{programs()}/postgres', '--single', '-D', f'{self.home}/data', '-c', 'fsync=off', 'postgres'], 'making the database', self.user(),
            text=sql)

    def model(self):
        """The folder with a new server's data, made when it is not there: that takes a second or two of the processor, a copy hardly any."""
        folder = f'{self.group.cache}/postgres-{programs().split("/")[-2]}'
        with once(self.group.cache, folder) as part:
            if part:
                data = f'{self.home}/data'
                run([f'{programs()}/initdb', '-D', data, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--locale=C.UTF-8', '--no-sync'],
                    'initdb', self.user())
                self.alone(f'CREATE ROLE {USER} LOGIN;\nCREATE DATABASE {DATABASE} OWNER {USER};\n')
                run(['cp', '-a', data, f'{part}/data'], "keeping the server's data")
                shutil.rmtree(data)
        return folder

    def prepare(self):
        data = f'{self.home}/data'
        run(['cp', '-a', '--reflink=auto', f'{self.model()}/data', data], "copying a new server's data")
        if self.secure:
            self.certify()
        with open(f'{data}/postgresql.conf', 'a', encoding='utf-8') as file:
            file.write('\n'.join(self.settings()) + '\n')
        if self.secure:
            self.alone(f"ALTER ROLE {USER} PASSWORD '{PASSWORD}';\n")
        if self.group.state['bench']:
            self.alone(f'GRANT pg_checkpoint TO {USER};\n')  # bench/cluster.c asks for one
        way = 'hostssl all all all scram-sha-256' if self.secure else 'host all all all trust'
        self.write('data/pg_hba.conf', [way])

    def spawn(self):
        # It runs no more; but where nobody reaps orphans its pid looks taken, and the file would keep the next one from starting.
        if os.path.exists(f'{self.home}/data/postmaster.pid'):
            os.remove(f'{self.home}/data/postmaster.pid')
        return super().spawn()

    def command(self):
        return [self.program(), '-D', f'{self.home}/data']

    def answers(self):
        return accepts(self)

    def addresses(self):
        return {'ENGINES_POSTGRES': conninfo(self), 'ENGINES_POSTGRES_PORT': str(self.port), 'ENGINES_POSTGRES_DATA': f'{self.home}/data'}


class Pgbouncer(Engine):
    """A pooler in transaction mode."""
    own_user = True
    needs = 'postgres'

    def program(self):
        return program(['pgbouncer'], 'pgbouncer')

    def prepare(self):
        behind = self.group.engines['postgres'].port
        to = f'host={self.host} port={behind}'
        lines = ['[databases]', f'* = {to}', '[pgbouncer]', f'listen_addr = {self.address}', f'listen_port = {self.port}', 'unix_socket_dir =',
                 'pool_mode = transaction', 'max_client_conn = 500', 'default_pool_size = 40', f'auth_file = {self.home}/users']
        if self.secure:
            self.certify()
            lines += ['auth_type = scram-sha-256', 'client_tls_sslmode = require', f'client_tls_key_file = {self.home}/server.key',
                      f'client_tls_cert_file = {self.home}/server.pem', 'server_tls_sslmode = verify-full',
                      f'server_tls_ca_file = {self.home}/ca.pem']
        else:
            lines += ['auth_type = trust']
        self.write('users', [f'"{USER}" "{PASSWORD if self.secure else ""}"', '"postgres" ""'])
        self.write('pgbouncer.ini', lines + self.more())

    def command(self):
        return [self.program(), '-q', f'{self.home}/pgbouncer.ini']

    def answers(self):
        return accepts(self)

    def addresses(self):
        return {'ENGINES_PGBOUNCER': conninfo(self), 'ENGINES_PGBOUNCER_PORT': str(self.port)}
