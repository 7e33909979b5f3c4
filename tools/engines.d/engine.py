"""What every engine has: a home, a port or several, a process, and a way to tell that it answers."""
import contextlib
import fcntl
import os
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile

import process

USER, PASSWORD, DATABASE = 'galka', 'tick-tick-7', 'galka'


class Missing(Exception):
    """An engine is not to be had here: why, and what to do. Suites that need it are skipped."""


class Broken(Exception):
    """An engine is there and does not start."""


class Engine:
    """One engine of a set. A kind says: ports, program(), prepare(), command(), answers(), addresses()."""
    ports = 1
    end_signal = signal.SIGTERM
    needs = None  # the engine it stands in front of
    own_user = False  # refuses to run as root

    def __init__(self, name, group):
        self.name, self.group = name, group  # group: the set it belongs to
        self.secure = group.secure

    @property
    def address(self):
        return self.group.address

    @property
    def host(self):
        """The name that clients know it by: a certificate has no address."""
        return 'localhost' if self.secure else self.address

    @property
    def port(self):
        return self.group.ports_of(self)[0]

    @property
    def home(self):
        return self.group.home_of(self)

    @property
    def log(self):
        return f'{self.group.folder}/{self.name}.log'

    def user(self):
        """Whom it runs as when we are root and it will not be."""
        if not self.own_user or os.getuid() != 0:
            return None
        for name in ('postgres', 'nobody'):
            try:
                return pwd.getpwnam(name)
            except KeyError:
                pass
        raise Missing(f'{self.name} refuses to run as root, and there is no user postgres or nobody')

    def make_home(self):
        """A folder of its own in the set's; where its user cannot enter that (a checkout in /root), in /var/tmp."""
        home, user = f'{self.group.folder}/{self.name}', self.user()
        os.makedirs(home, mode=0o700, exist_ok=True)
        if user:
            os.chown(home, user.pw_uid, user.pw_gid)
            enters = subprocess.run(['test', '-w', home], user=user.pw_uid, group=user.pw_gid, extra_groups=[], check=False)
            if enters.returncode:
                os.rmdir(home)
                home = tempfile.mkdtemp(prefix=f'galka-{self.name}-', dir='/var/tmp')
                os.chown(home, user.pw_uid, user.pw_gid)
        return home

    def give(self, path, mode=0o600):
        """Hands a file to the engine's user."""
        os.chmod(path, mode)
        if user := self.user():
            os.chown(path, user.pw_uid, user.pw_gid)

    def write(self, name, lines):
        path = f'{self.home}/{name}'
        with open(path, 'w', encoding='utf-8') as file:
            file.write('\n'.join(lines) + '\n')
        self.give(path)
        return path

    def certify(self):
        """Copies the server's certificate into its home."""
        for name in ('ca.pem', 'server.pem', 'server.key', 'server-all.pem'):
            shutil.copyfile(f'{self.group.certificates}/{name}', f'{self.home}/{name}')
            self.give(f'{self.home}/{name}')

    def more(self, form='{} = {}'):
        """Settings from the command line, --set ENGINE:KEY=VALUE."""
        return [form.format(*setting.partition('=')[::2]) for kind, _, setting in (text.partition(':') for text in self.group.settings)
                if self.name.startswith(kind)]

    def clear(self):
        """Empties its home: an attempt to prepare it may have ended half-way."""
        for entry in os.scandir(self.home):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.remove(entry.path)

    def spawn(self):
        return process.spawn(self.command(), self.log, self.user(), self.home, self.environment())

    def environment(self):
        return {}

    def connect(self, secure=None):
        """A socket to its port, under TLS when the set is secure."""
        plain = socket.create_connection((self.address, self.port), timeout=2)
        if not (self.secure if secure is None else secure):
            return plain
        context = ssl.create_default_context(cafile=f'{self.group.certificates}/ca.pem')
        return context.wrap_socket(plain, server_hostname='localhost')


@contextlib.contextmanager
def once(cache, folder):
    """For one process at a time; yields a folder to fill when there is none of that name yet, else None."""
    os.makedirs(cache, exist_ok=True)
    with open(f'{folder}.lock', 'w', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.isdir(folder):
            yield None
            return
        part = f'{folder}.part'
        shutil.rmtree(part, ignore_errors=True)
        os.mkdir(part)
        yield part
        os.rename(part, folder)


def run(command, what, user=None, text=''):
    """Runs a helper to its end, as a user, with text as its input."""
    identity = {'user': user.pw_uid, 'group': user.pw_gid, 'extra_groups': []} if user else {}
    done = subprocess.run(command, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, cwd='/',
                          env={**os.environ, 'LC_ALL': 'C.UTF-8'}, **identity)
    if done.returncode:
        raise Broken(f'{what} failed:\n{done.stdout.strip()}')


def program(names, package):
    """The first of these programs that is there."""
    for name in names:
        if found := shutil.which(name, path=os.environ.get('PATH', '') + ':/usr/sbin:/usr/bin:/usr/local/bin'):
            return found
    raise Missing(f'{os.path.basename(names[0])} is not installed: apt-get install {package} (make deps-test does)')


