"""One process of a cluster that is no engine: a role of galkad, or haproxy. What it is called with, where its log is, whether it is ready."""
import os
import signal
import urllib.error
import urllib.request

from engine import program

ROLES = ('auth', 'session', 'query', 'notify')
COUNTED = ('frontend', 'session')  # a message goes through these: --callgrind
BALANCER = '127.0.0.2'  # haproxy speaks to the frontends from there: they believe it, and ask nobody else whom he speaks for
PAGE_SECONDS = 2
LOG_LINES = 8


class Member:
    end_signal = signal.SIGTERM

    def __init__(self, name, cluster):
        self.name, self.cluster = name, cluster

    @property
    def log(self):
        return f'{self.cluster.log_folder}/{self.name}.log'

    def said(self):
        """The last lines of its log since it was started; what it says of its end stands alone."""
        with open(self.log, encoding='utf-8', errors='replace') as file:
            lines = [line.rstrip() for line in file.readlines()[-LOG_LINES:]]
        own = [line for line in lines if line.startswith('galkad: ')]
        return '\n'.join('  ' + line for line in (own[-1:] or lines))


class Role(Member):
    """galkad frontend, auth, session, query or notify."""

    def __init__(self, kind, index, cluster):
        super().__init__(f'{kind}-{index}', cluster)
        self.kind, self.index = kind, index

    @property
    def health(self):
        return self.cluster.port_of(f'{self.name} health')

    def listens(self):
        """A frontend's address and port."""
        if self.cluster.shape.direct:
            return f'127.0.0.{self.index + 1}', self.cluster.port()
        return '127.0.0.1', self.cluster.port_of(self.name)

    def command(self):
        counted = callgrind(f'{self.cluster.callgrind_folder}/%p') if self.cluster.shape.callgrind and self.kind in COUNTED else []
        words = [*counted, self.cluster.galkad, '--config', self.cluster.config, '--index', str(self.index), '--health', str(self.health)]
        if self.kind == 'frontend':
            address, port = self.listens()
            words += ['--listen', address, '--port', str(port)]
            words += [] if self.cluster.shape.direct else ['--proxy-from', BALANCER]
        if self.kind == 'notify':
            words += ['--dev']  # the codes it would mail are in its log, from where they are shown
        if self.kind == 'auth':
            words += ['--registration', 'open']
        return words + [self.kind]

    def is_ready(self):
        try:
            with urllib.request.urlopen(f'http://127.0.0.1:{self.health}/readyz', timeout=PAGE_SECONDS) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False


class Balancer(Member):
    """haproxy: sends newcomers where the fewest clients are, to frontends that are ready, and says whom it speaks for."""

    def __init__(self, cluster):
        super().__init__('haproxy', cluster)

    @staticmethod
    def program():
        return program(['haproxy'], 'haproxy')

    def command(self):
        lines = ['global', '    nbthread 1', 'defaults', '    mode tcp', '    timeout connect 2s', '    timeout check 2s',
                 '    timeout client 5m  # clients ping every minute', '    timeout server 5m', 'frontend clients',
                 f'    bind 127.0.0.1:{self.cluster.port()}', '    default_backend galka', 'backend galka', '    balance leastconn',
                 f'    source {BALANCER}', '    option redispatch 1', '    option httpchk GET /readyz',
                 '    default-server send-proxy-v2 check inter 500ms fall 2 rise 1']
        for role in self.cluster.frontends():
            address, port = role.listens()
            lines.append(f'    server {role.name} {address}:{port} port {role.health}')
        path = f'{self.cluster.folder}/haproxy.cfg'
        with open(path, 'w', encoding='utf-8') as file:
            file.write('\n'.join(lines) + '\n')
        return [self.program(), '-db', '-f', path]

    def is_ready(self):
        return self.cluster.answers(self.cluster.port())


def callgrind(out='callgrind.out'):
    """The words that let a program run under callgrind, which counts only once it is told to. Its threads take turns, or one that always has
    something to do would starve those that keep a connection alive."""
    return [program(['valgrind'], 'valgrind'), '--tool=callgrind', '--instr-atstart=no', '--fair-sched=yes', f'--callgrind-out-file={out}']


def make_config(path, engines, keys, data, more):
    """What all processes of galkad are told."""
    lines = ['# made by tools/cluster; more of it: tools/cluster --set KEY=VALUE', f'data = {data}', f'keys = {keys}',
             f'kafka = {engines["ENGINES_KAFKA"]}', f'redis = {engines["ENGINES_REDIS"]}', f'postgres = {engines["ENGINES_POSTGRES"]}',
             'wait-ms = 30000', *(f'{key} = {value}' for key, value in more)]
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w', encoding='utf-8') as file:
        file.write('\n'.join(lines) + '\n')
