"""packaging/compose: what compose.yaml, galkad.conf, haproxy.cfg and setup.sh say of each other is true, galkad takes all of it, and the whole works:
engines that demand TLS and passwords come up, topics and schema are made, roles start, two people talk through haproxy.

Called with GALKAD ROOT FOLDER: the program, the source tree, and a folder on a real disk.
"""
import configparser
import glob
import ipaddress
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

GALKAD, ROOT, FOLDER = (os.path.abspath(argument) for argument in sys.argv[1:4])
sys.path.insert(0, f'{ROOT}/test/live')

import containers  # noqa: E402
import wire  # noqa: E402
from rig import User  # noqa: E402
from tap import Skip, Suite, expect, expect_equal, wait_until  # noqa: E402
from web import Asker, upgrade  # noqa: E402

try:
    import yaml
except ImportError:
    print('1..0 # SKIP python3-yaml is not installed (make deps-test installs it)')
    sys.exit(0)

COMPOSE = f'{ROOT}/packaging/compose'
ROLES = ('frontend', 'auth', 'session', 'query', 'notify')
OPTION = re.compile(r'^OPTION\(\w+, "([a-z-]+)", ([A-Z]+),', re.M)
MISSING = 77
suite = Suite()
no_namespaces = containers.network()


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


class Rig:
    def __enter__(self):
        self.temporary = tempfile.TemporaryDirectory(prefix='compose-', dir=FOLDER)
        os.chmod(self.temporary.name, 0o755)
        self.document = yaml.safe_load(read(f'{COMPOSE}/compose.yaml'))
        self.services = self.document['services']
        self.options = dict(OPTION.findall(read(f'{ROOT}/src/server/options.def')))
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string('[galkad]\n' + read(f'{COMPOSE}/galkad.conf'))
        self.config = dict(parser['galkad'])
        self.world = None
        return self

    def __exit__(self, *_):
        if self.world:
            self.world.remove()
        self.temporary.cleanup()

    def galkads(self):
        """name → what galkad is called with there."""
        return {name: service['command'] for name, service in self.services.items() if containers.image_of(service) == 'galka' and 'command' in service}

    def frontends(self):
        return {name: flags(command) for name, command in self.galkads().items() if command[-1] == 'frontend'}

    def diagnosis(self):
        return [f'{name}: {line}' for name, each in (self.world.containers if self.world else {}).items() for line in each.said().splitlines()[-4:]]

    def end_case(self):
        pass


def flags(command):
    """--name VALUE pairs before the last word, which says what to do."""
    expect(len(command) % 2 == 1 and not command[-1].startswith('--'), f'{command}: pairs, then a word')
    expect(all(word.startswith('--') for word in command[:-1:2]), f'{command}: options with values')
    return {name[2:]: value for name, value in zip(command[:-1:2], command[1:-1:2])}


@suite.case
def options_exist(rig):
    """every option that galkad is given there is one that it has, and no secret is on a command line or plain in the file"""
    expect_equal({command[-1] for command in rig.galkads().values()}, {*ROLES, 'topics', 'migrate'}, 'what is run')
    for name, command in rig.galkads().items():
        for option in flags(command):
            expect(rig.options.get(option) not in (None, 'SECRET'), f'{name}: --{option}')
    for option, value in rig.config.items():
        expect(option in rig.options, f'galkad.conf: {option}')
        expect(rig.options[option] != 'SECRET' or value.startswith('@/'), f'galkad.conf: {option} is no file')
    for name, service in rig.services.items():
        expect(not [each for each in service.get('environment', {}) if each.startswith('GALKA')], f'{name}: environment')
    expect(f'"$root{rig.config["web"]}"' in read(f'{ROOT}/tools/deb'), 'the web app is where the package puts it')
    path = f'{rig.temporary.name}/galkad.conf'
    with open(path, 'w', encoding='utf-8') as file:
        file.write(re.sub('@/.*', 'x', read(f'{COMPOSE}/galkad.conf')))
    done = subprocess.run([GALKAD, '--config', path, 'version'], capture_output=True, text=True, check=False)
    expect_equal((done.returncode, done.stderr), (0, ''), 'galkad reads galkad.conf')


@suite.case
def secrets_are_made(rig):
    """setup.sh makes each file that is named below /secrets, once, and a certificate in the name of each engine"""
    folder = f'{rig.temporary.name}/secrets'
    run = ['sh', f'{COMPOSE}/setup.sh', folder]
    subprocess.run(run, env={**os.environ, 'GALKAD': GALKAD}, check=True)
    before = {path: read(path) for path in glob.glob(f'{folder}/*/*')}
    subprocess.run(run, env={**os.environ, 'GALKAD': GALKAD}, check=True)
    expect_equal({path: read(path) for path in glob.glob(f'{folder}/*/*')}, before, 'what a second run changes')
    places = {'galka': str(rig.config)}
    places |= {name: str(rig.services[name]) + (read(f'{folder}/redis/redis.conf') if name == 'redis' else '') for name in ('redis', 'postgres')}
    for place, text in places.items():
        named = set(re.findall(r'/secrets/([\w.-]+)', text))
        expect(named, f'{place} names secrets')
        for name in named:
            expect(os.path.exists(f'{folder}/{place}/{name}'), f'{place}: {name}')
    for host in ('kafka', 'redis', 'postgres'):
        done = subprocess.run(['openssl', 'verify', '-CAfile', f'{folder}/galka/ca.pem', '-verify_hostname', host, f'{folder}/{host}/server.pem'],
                              capture_output=True, text=True, check=False)
        expect_equal(done.returncode, 0, f'certificate of {host}: {done.stderr}')


@suite.case
def names_agree(rig):
    """addresses, ports and versions are the same wherever they are said"""
    hosts = {rig.config['kafka'].split(':')[0], rig.config['redis'].split(':')[0], re.search('@([^/:]+)', rig.config['postgres'])[1]}
    expect_equal(hosts, {'kafka', 'redis', 'postgres'}, 'hosts of engines')
    expect(f"tls-port {rig.config['redis'].split(':')[1]}\n" in read(f'{COMPOSE}/setup.sh'), "Redis' port")
    expect(f"advertised.listeners=CLIENT://{rig.config['kafka']}," in read(f'{COMPOSE}/setup.sh'), "Kafka's address")
    network = rig.document['networks']['default']['ipam']['config'][0]['subnet']
    expect_equal(ipaddress.ip_network(rig.config['proxy-from']), ipaddress.ip_network(network), 'proxy-from and the network')
    version = re.search('<kafka>(.*?)</kafka>', read(f'{ROOT}/tools/engines.d/pom.xml'))[1]
    expect_equal(rig.services['kafka']['image'], f'apache/kafka:{version}', 'the Kafka that is tried in tests')
    for name, service in rig.services.items():
        for each in service.get('depends_on', {}):
            expect(each in rig.services, f'{name} depends on {each}')
        for volume in service.get('volumes', []):
            source = volume.split(':')[0]
            expect(os.path.exists(f'{COMPOSE}/{source}') if source.startswith('.') else source in rig.document['volumes'], f'{name}: {volume}')


@suite.case
def haproxy_agrees(rig):
    """haproxy takes its configuration, which names each frontend with its ports"""
    text = read(f'{COMPOSE}/haproxy.cfg')
    servers = dict(re.findall(r'^\s*server (\S+) (\S+)$', text, re.M))
    expect_equal(servers, {name: f'{name}:{given["port"]}' for name, given in rig.frontends().items()}, 'servers')
    expect_equal(sorted(given['index'] for given in rig.frontends().values()), [str(i) for i in range(len(servers))], 'indices')
    expect_equal({given['health'].split(':')[1] for given in rig.frontends().values()}, {re.search(r'check port (\d+)', text)[1]}, 'health ports')
    expect_equal(rig.services['haproxy']['ports'], [f'{port}:{port}' for port in re.findall(r'bind :(\d+)', text)], 'published ports')
    expect_equal(sorted(rig.services['haproxy']['depends_on']), sorted(servers), 'haproxy starts after')
    done = subprocess.run(['haproxy', '-c', '-f', f'{COMPOSE}/haproxy.cfg'], capture_output=True, text=True, check=False)
    expect_equal(done.returncode, 0, f'haproxy -c: {done.stderr}')


@suite.case
def all_of_it_starts(rig):
    """what it describes comes up in its order: engines with TLS and passwords, topics, schema, roles that are ready, haproxy"""
    if no_namespaces:
        raise Skip(no_namespaces)
    if not containers.fetched(ROOT):
        raise Skip('Kafka is not there, and cannot be fetched')
    folder = f'{rig.temporary.name}/world'
    os.mkdir(folder)
    rig.world = containers.World(COMPOSE, rig.document, folder, GALKAD, containers.fetched(ROOT))
    try:
        rig.world.up()
    except BaseException:
        rig.world, broken = None, rig.world
        print('\n'.join(f'# {name}: {line}' for name, each in broken.containers.items() for line in each.said().splitlines()[-4:]))
        broken.remove()
        raise
    for name, container in rig.world.containers.items():
        if 'healthcheck' in container.service:
            wait_until(container.is_healthy, f'{name} is healthy', 60)


def person(rig, session, name):
    """Imported, as `docker compose exec session galkad --config … user import` does."""
    done = session.execute(['sh', '-c', f'printf "{name}\\t{name}@example.org\\t{name}\\n" > /tmp/{name} && /usr/bin/galkad --config /etc/galka/galkad.conf '
                            f'--log-level warning user import /tmp/{name}'])
    expect_equal((done.returncode, done.stderr), (0, ''), f'import of {name}')
    return User(done.stdout.strip())


@suite.case
def two_people_talk(rig):
    """two people talk, each on a frontend of his own behind the published port, which knows their address"""
    if not rig.world:
        raise Skip('it did not start')
    anna, boris = (person(rig, rig.world.containers['session'], name) for name in ('anna', 'boris'))
    room = wire.personal_room(anna.user, boris.user)
    rig.world.go_to('haproxy')
    definition, port = wire.Definition(ROOT), int(rig.services['haproxy']['ports'][0].split(':')[0])
    time.sleep(2)  # haproxy has looked at both, and at those that it found down once more
    wait_until(lambda: all(rig.world.containers['haproxy'].said().count(f'{name} is UP') >= rig.world.containers['haproxy'].said().count(f'{name} is DOWN')
                           for name in rig.frontends()), 'haproxy has both')
    with wire.Client(definition, port) as one, wire.Client(definition, port) as other:
        for client, user in ((one, anna), (other, boris)):
            expect_equal(client.hello().name, 'welcome', 'answer to Hello')
            expect_equal(client.join(user).name, 'joined', f'answer to Join of {user.name}')
        written = one.write(room, 'over all of it')
        expect_equal(written.body['outcomes'][0].get('status', 0), 0, f'outcome: {written}')
        expect_equal(other.wait_for('delivery').body['row']['text'], 'over all of it', 'what Boris got')
        for name in rig.frontends():
            page = rig.world.containers[name].execute(['bash', '-c', "exec 3<>/dev/tcp/127.0.0.1/9410; printf 'GET /metrics HTTP/1.1\\r\\n\\r\\n' >&3; cat <&3"])
            expect(re.search(r'^galka_frontend_ready(\{.*\})? 1$', page.stdout, re.M), f'{name} has one of them: {page.stdout[:300]}')


@suite.case
def a_browser_comes(rig):
    """the web app is given out on the published port, and its page may connect there"""
    if not rig.world:
        raise Skip('it did not start')
    rig.world.go_to('haproxy')
    with Asker(int(rig.services['haproxy']['ports'][0].split(':')[0])) as asker:
        page = asker.ask('/')
        expect_equal((page.status, page.body), (200, b'the web app\n'), 'the page')
        expect_equal(upgrade(asker, Host='localhost:4255', Origin='http://localhost:4255').status, 101, 'its WebSocket')


@suite.case
def all_of_it_ends(rig):
    """told to stop, each role ends with code 0 within its grace"""
    if not rig.world:
        raise Skip('it did not start')
    roles = [rig.world.containers[name] for name, command in rig.galkads().items() if command[-1] in ROLES]
    expect_equal({role.name: role.stop(signal.SIGTERM) for role in roles}, {role.name: 0 for role in roles}, 'exit codes')


sys.exit(suite.run(Rig))
