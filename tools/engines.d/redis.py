"""Redis. It keeps nothing of its own accord; a regular stop saves, kill -9 leaves what the last SAVE command wrote: nothing, or an
older copy."""
import os

from engine import PASSWORD, USER, Engine, program


class Redis(Engine):
    def program(self):
        return program(['redis-server'], 'redis-server')

    def prepare(self):
        lines = [f'bind {self.address}', 'protected-mode no', f'dir {self.home}', 'save ""', 'appendonly no', 'shutdown-on-sigterm save', 'daemonize no']
        if self.secure:
            self.certify()
            lines += ['port 0', f'tls-port {self.port}', f'tls-cert-file {self.home}/server.pem', f'tls-key-file {self.home}/server.key',
                      f'tls-ca-cert-file {self.home}/ca.pem', 'tls-auth-clients no', f'requirepass {PASSWORD}',
                      f'user {USER} on >{PASSWORD} ~* &* +@all']
        else:
            lines += [f'port {self.port}']
        self.write('redis.conf', lines + self.more('{} {}'))

    def command(self):
        return [self.program(), f'{self.home}/redis.conf']

    def answers(self):
        with self.connect() as link:
            if self.secure:
                link.sendall(f'AUTH {USER} {PASSWORD}\r\n'.encode())
                if not link.recv(100).startswith(b'+OK'):
                    return False
            link.sendall(b'PING\r\n')
            return link.recv(100).startswith(b'+PONG')

    def lose(self, _):
        """All of it."""
        if os.path.exists(f'{self.home}/dump.rdb'):
            os.remove(f'{self.home}/dump.rdb')

    def addresses(self):
        return {'ENGINES_REDIS': f'{self.host}:{self.port}', 'ENGINES_REDIS_PORT': str(self.port)}
