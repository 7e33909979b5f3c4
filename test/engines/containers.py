"""What `docker compose` does with packaging/compose/compose.yaml, as far as a test needs it and without docker: each service has an address,
a process tree and a root folder of its own (this machine's, with a layer of its own over it, and its volumes), and runs this machine's
PostgreSQL, Redis, Kafka and haproxy, as the image's user. Images are not tried, only what is made of them.

The caller is in a network namespace of its own: network() makes it one.
"""
import ctypes
import glob
import ipaddress
import json
import os
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading

from tap import expect, expect_equal, wait_until

CLONE_NEWNET = 0x40000000
BRIDGE = 'compose0'
WEB = '/usr/share/galka/web'  # where the package puts the web app
USERS = {'apache/kafka': 1000, 'redis': 999, 'postgres': 999, 'haproxy': 99, 'galka': 10143}
VOLUMES = {'/var/lib/kafka/data': 1000, '/var/lib/postgresql/data': 999, '/var/lib/galka': 10143}  # folders of images: whose they are
START_SECONDS = 90

# In new namespaces, once the address is there: the root folder, then the program.
ENTER = '''set -e
read -r go
mount --make-rprivate /
mount -t tmpfs tmpfs {layer}
mkdir {layer}/upper {layer}/work {layer}/root
mount -t overlay overlay -o lowerdir=/,upperdir={layer}/upper,workdir={layer}/work {layer}/root
cd {layer}/root
mount --rbind /dev dev
mount -t proc proc proc
mount -t tmpfs -o mode=1777 tmpfs tmp
{mounts}
cp {hosts} etc/hosts
exec chroot . setpriv --reuid {user} --regid {user} --clear-groups{bounds} env -i PATH="$PATH" HOME=/tmp sh -c {command}
'''


def network():
    """This process goes on in namespaces of its own, or returns why it cannot."""
    if 'COMPOSE_INSIDE' in os.environ:
        return ''
    probe = ['unshare', '--net', '--mount', '--pid', '--fork', 'ip', 'link', 'add', BRIDGE, 'type', 'bridge']
    if os.getuid() != 0 or subprocess.run(probe, stderr=subprocess.DEVNULL, check=False).returncode:
        return 'namespaces need root'
    os.environ['COMPOSE_INSIDE'] = '1'
    os.execvp('unshare', ['unshare', '--net', '--mount', sys.executable, *sys.argv])


def fetched(root):
    """The folder with Kafka's jars, '' if it cannot be had."""
    done = subprocess.run([f'{root}/tools/engines', 'fetch'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ''


def ip(*words, within=None):
    subprocess.run([*(['nsenter', f'--net=/proc/{within}/ns/net'] if within else []), 'ip', *words], check=True)


def enter(pid):
    """This thread goes into the network of that process."""
    with open(f'/proc/{pid}/ns/net', 'rb') as file:
        expect(ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) == 0, f'setns: {os.strerror(ctypes.get_errno())}')


def image_of(service):
    return service['image'].partition(':')[0]


class Container:
    """A service that runs."""

    def __init__(self, world, name):
        self.world, self.name, self.service = world, name, world.services[name]
        self.image = image_of(self.service)
        self.address = str(world.addresses[name])
        self.layer = f'{world.folder}/{name}'
        self.log = f'{world.folder}/{name}.log'
        self.process = None

    def mounts(self):
        lines = []
        for volume in self.service.get('volumes', []):
            source, target, *way = volume.split(':')
            path = source if source.startswith('/') else f'{self.world.compose}/{source}' if source.startswith('.') else self.world.volume(source, target)
            inside = target.lstrip('/')
            make = f'mkdir -p {inside}' if os.path.isdir(path) else f'mkdir -p {os.path.dirname(inside) or "."}; touch {inside}'
            lines += [f'{make}; mount --bind {path} {inside}', *([f'mount -o remount,ro,bind {inside}'] if way == ['ro'] else [])]
        for path in self.world.shared:
            lines += [f'mkdir -p .{path}; mount --bind {path} .{path}']
        lines += [f'cp {self.world.galkad} usr/bin/galkad', 'mkdir -p usr/local/etc/haproxy var/lib/galka', 'chown 10143:10143 var/lib/galka',
                  f'mkdir -p .{WEB}; echo the web app > .{WEB}/index.html',
                  'echo "inside:x:999:999::/:/bin/sh" >> etc/passwd']
        return '\n'.join(lines)

    def command(self):
        """What the image's entry point would run."""
        given = self.service.get('command', [])
        if self.image == 'galka':
            return 'exec ' + shlex.join([*self.service.get('entrypoint', self.world.entrypoint), *given])
        if self.image == 'redis':
            return 'exec ' + shlex.join(given)
        if self.image == 'haproxy':
            return 'exec haproxy -W -db -f /usr/local/etc/haproxy/haproxy.cfg'
        if self.image == 'apache/kafka':
            java = f'java -Xmx512m -XX:TieredStopAtLevel=1 -cp "{self.world.jars}/*"'
            file = '/mnt/shared/config/server.properties'
            return (f'[ -e /var/lib/kafka/data/meta.properties ] || {java} kafka.tools.StorageTool format --cluster-id 5L6g3nShT-eMCtK--X86sw -c {file}; '
                    f'exec {java} kafka.Kafka {file}')
        programs = sorted(glob.glob('/usr/lib/postgresql/*/bin'))[-1]
        env, data = self.service['environment'], '/var/lib/postgresql/data'
        return (f'export PATH={programs}:$PATH; export PGDATA={data}; [ -e {data}/PG_VERSION ] || {{ initdb -U {env["POSTGRES_USER"]} '
                f'--pwfile={env["POSTGRES_PASSWORD_FILE"]} --auth=scram-sha-256 --no-sync {env["POSTGRES_INITDB_ARGS"]} && '
                f'echo "host all all all scram-sha-256" >> {data}/pg_hba.conf && echo "CREATE DATABASE {env["POSTGRES_DB"]}" | '
                f"postgres --single -D {data} postgres; }} && exec {shlex.join(given)} -c listen_addresses='*' -c unix_socket_directories=")

    def start(self):
        os.makedirs(self.layer)
        user = 0 if self.service.get('user') == 'root' else USERS[self.image]
        script = ENTER.format(layer=self.layer, mounts=self.mounts(), hosts=self.world.hosts, user=user,
                              bounds=' --bounding-set -all' if user else '', command=shlex.quote(self.command()))
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen(['unshare', '--net', '--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', script], stdin=subprocess.PIPE,
                                            stdout=log, stderr=log)
        pid = self.process.pid
        wait_until(lambda: os.readlink(f'/proc/{pid}/ns/net') != os.readlink('/proc/self/ns/net'), f'{self.name} has a network')
        link = f'c{self.address.rpartition(".")[2]}'
        ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', str(pid))
        ip('link', 'set', link, 'master', BRIDGE, 'up')
        ip('address', 'add', f'{self.address}/{self.world.network.prefixlen}', 'dev', 'eth0', within=pid)
        for each in ('lo', 'eth0'):
            ip('link', 'set', each, 'up', within=pid)
        threading.Thread(target=self.world.tell_names, args=[pid], daemon=True).start()
        self.process.stdin.write(b'go\n')
        self.process.stdin.close()

    def inside(self):
        """The pid of its first process."""
        with open(f'/proc/{self.process.pid}/task/{self.process.pid}/children', encoding='ascii') as file:
            return int(file.read().split()[0])

    def execute(self, words):
        """As `docker compose exec`; a command of the compose file, in which $$ is a $."""
        pid = self.inside()
        return subprocess.run(['nsenter', '-t', str(pid), '-n', '-m', '-p', '-r', '-w', 'env', f'PATH={os.environ["PATH"]}', *(word.replace('$$', '$') for word in words)],
                              capture_output=True, text=True, check=False, timeout=20)

    def is_healthy(self):
        if self.process.poll() is not None:
            raise AssertionError(f'{self.name} ended with {self.process.returncode}: {self.said()}')
        kind, *words = self.service['healthcheck']['test']
        expect_equal(kind, 'CMD', f'{self.name}: kind of health check')
        return self.execute(words).returncode == 0

    def meets(self, condition):
        if condition == 'service_healthy':
            return self.is_healthy()
        if condition == 'service_completed_successfully':
            code = self.process.poll()
            expect(code in (None, 0), f'{self.name} ended with {code}: {self.said()}')
            return code == 0
        return True

    def said(self):
        with open(self.log, encoding='utf-8', errors='replace') as file:
            return file.read()[-1500:]

    def kill(self):
        """Its first process, and with it all others. (Who changes his user does not die with his parent, whatever unshare was told.)"""
        if self.process.poll() is None:
            os.kill(self.inside(), signal.SIGKILL)
            self.process.wait()

    def stop(self, number):
        """Its exit code."""
        os.kill(self.inside(), number)
        return self.process.wait(60)


class World:
    """All services of a compose file."""

    def __init__(self, compose, document, folder, galkad, jars):
        self.compose, self.folder, self.galkad, self.jars, self.shared = compose, folder, galkad, jars, [jars]
        self.services = document['services']
        self.network = ipaddress.ip_network(document['networks']['default']['ipam']['config'][0]['subnet'])
        self.addresses = dict(zip(self.services, list(self.network.hosts())[1:]))
        with open(f'{compose}/Dockerfile', encoding='utf-8') as file:
            self.entrypoint = json.loads(re.search(r'^ENTRYPOINT (.*)$', file.read(), re.M)[1])
        self.containers, self.kept = {}, None
        self.hosts = f'{folder}/hosts'
        with open(self.hosts, 'w', encoding='utf-8') as file:
            file.write('127.0.0.1 localhost\n' + ''.join(f'{address} {name}\n' for name, address in self.addresses.items()))

    def volume(self, name, target):
        """A named volume. A new one is as the image's folder is that it is mounted on."""
        path = f'{self.folder}/volume-{name}'
        if not os.path.isdir(path):
            os.makedirs(path)
            os.chown(path, VOLUMES.get(target, 0), VOLUMES.get(target, 0))
        return path

    def up(self):
        """All of them, in their order."""
        self.kept = open('/proc/self/ns/net', 'rb')  # or the bridge would be gone with who leaves: go_to()
        ip('link', 'set', 'lo', 'up')
        ip('link', 'add', BRIDGE, 'type', 'bridge')
        ip('address', 'add', f'{next(self.network.hosts())}/{self.network.prefixlen}', 'dev', BRIDGE)
        ip('link', 'set', BRIDGE, 'up')
        for name in self.services:
            self.start(name)

    def start(self, name):
        if name in self.containers:
            return
        needs = self.services[name].get('depends_on', {})
        for each in needs:
            self.start(each)
            condition = needs[each]['condition'] if isinstance(needs, dict) else 'service_started'
            wait_until(lambda each=each, condition=condition: self.containers[each].meets(condition), f'{each}: {condition}', START_SECONDS)
        self.containers[name] = Container(self, name)
        self.containers[name].start()

    def tell_names(self, pid):
        """The name server that docker gives each container."""
        enter(pid)
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(('127.0.0.11', 53))
        while True:
            query, asker = server.recvfrom(512)
            end = query.index(0, 12)
            labels, at = [], 12
            while at < end:
                labels.append(query[at + 1:at + 1 + query[at]].decode())
                at += 1 + query[at]
            address = self.addresses.get('.'.join(labels))
            found = bool(address) and query[end + 1:end + 3] == b'\0\1'
            answer = b'\xc0\x0c\0\1\0\1' + struct.pack('>IH', 5, 4) + address.packed if found else b''
            code = 0x8180 if address else 0x8183
            server.sendto(query[:2] + struct.pack('>5H', code, 1, int(found), 0, 0) + query[12:end + 5] + answer, asker)

    def go_to(self, name):
        """This thread is where that service is, as one who connects to its published ports would be."""
        enter(self.containers[name].process.pid)

    def remove(self):
        for container in self.containers.values():
            if container.process:
                container.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
