"""Apache Kafka in KRaft mode: each broker is a controller too.

Once on a machine, the jars are fetched from Maven Central, and a broker is started and stopped to keep what makes every later start
quick: what formatting a folder writes (a Java process each), and Java's archive of the classes that a broker loads.
"""
import base64
import os
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import uuid

import kafka_loss
import ports
import process
from engine import PASSWORD, USER, Broken, Engine, Missing, once, program, run

HERE = os.path.dirname(os.path.abspath(__file__))
FETCH_SECONDS = 300
AGAIN_SECONDS = 900
WARM_UP_SECONDS = 90
MEMORY = ['-Xmx512m', '-XX:+UseSerialGC']
# As much as Kafka's own script gives it. ZGC collects beside the work, and so only when it must; the serial one
# stands still for 30 to 110 ms, however little is left.
BENCH_MEMORY = ['-Xms1g', '-Xmx1g', '-XX:+AlwaysPreTouch', '-XX:+UseZGC', '-XX:-ZProactive']


def version():
    with open(f'{HERE}/pom.xml', encoding='utf-8') as file:
        return re.search(r'<kafka>(.*?)</kafka>', file.read())[1]


def jars(cache):
    """The folder with Kafka's jars; fetched when it is not there."""
    if given := os.environ.get('KAFKA_JARS'):
        if not os.path.exists(f'{given}/kafka-tools-{version()}.jar'):
            raise Missing(f'KAFKA_JARS={given} has no kafka-tools-{version()}.jar')
        return given
    folder = f'{cache}/kafka-{version()}'
    with once(cache, folder) as part:
        if part:
            fetch_unless_vain(part, f'{folder}.missing')
    return folder


def fetch_unless_vain(part, note):
    """What could not be fetched a moment ago is not tried again by each of a dozen suites, for minutes every time."""
    if os.path.exists(note) and time.time() - os.path.getmtime(note) < AGAIN_SECONDS:
        with open(note, encoding='utf-8') as file:
            raise Missing(f'{file.read()} (tried before; remove {note} to try again at once)')
    try:
        fetch(part)
    except Missing as missing:
        with open(note, 'w', encoding='utf-8') as file:
            file.write(str(missing))
        raise


def fetch(part):
    maven = program(['mvn'], 'maven')
    command = [maven, '-q', '-B', '-f', f'{HERE}/pom.xml', 'dependency:copy-dependencies', f'-DoutputDirectory={part}']
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                              timeout=FETCH_SECONDS)
        text = '' if done.returncode == 0 else done.stdout
    except subprocess.TimeoutExpired:
        text = f'not done within {FETCH_SECONDS} s'
    if text or not os.path.exists(f'{part}/kafka-tools-{version()}.jar'):
        errors = [line for line in re.sub(r'\x1b\[[\d;]*m', '', text).splitlines() if 'ERROR' in line]
        raise Missing(f'Apache Kafka {version()} cannot be fetched from Maven: {(errors or [text.strip()])[0].strip()}')


def warmed(cache):
    """The folder with plain.checkpoint, secure.checkpoint and classes.jsa; made when it is not there."""
    folder = f'{cache}/kafka-{version()}-warm'
    classes = ['-cp', f'{jars(cache)}/*']
    with once(cache, folder) as part:
        if part:
            with tempfile.TemporaryDirectory(prefix='warm-', dir=cache) as scratch:
                warm_up(classes, part, scratch)
    return folder


def warm_up(classes, part, scratch):
    clients, controllers = ports.claim(scratch, 2)
    file = f'{scratch}/kafka.properties'
    with open(file, 'w', encoding='utf-8') as properties:
        properties.write('\n'.join([
            'process.roles=broker,controller', 'node.id=1', f'controller.quorum.voters=1@127.0.0.1:{controllers}', f'log.dirs={scratch}/data',
            f'listeners=PLAINTEXT://127.0.0.1:{clients},CONTROLLER://127.0.0.1:{controllers}', 'controller.listener.names=CONTROLLER',
            f'advertised.listeners=PLAINTEXT://127.0.0.1:{clients}', 'offsets.topic.replication.factor=1']) + '\n')
    for name, more in (('secure', ['--add-scram', f'SCRAM-SHA-512=[name={USER},password={PASSWORD}]']), ('plain', [])):
        shutil.rmtree(f'{scratch}/data', ignore_errors=True)
        run(['java', *MEMORY, *classes, 'kafka.tools.StorageTool', 'format', f'--cluster-id={random_id()}', '-c', file, *more], "formatting Kafka's folder")
        shutil.copyfile(f'{scratch}/data/bootstrap.checkpoint', f'{part}/{name}.checkpoint')
    log = f'{scratch}/log'
    mark = process.mark_of(process.spawn(['java', *MEMORY, f'-XX:ArchiveClassesAtExit={part}/classes.jsa', *classes, 'kafka.Kafka', file], log).pid)
    limit = time.monotonic() + WARM_UP_SECONDS
    while process.lives(mark) and time.monotonic() < limit:
        with open(log, encoding='utf-8', errors='replace') as text:
            if 'Kafka Server started' in text.read():
                process.ask(mark, signal.SIGTERM)
                process.await_end(mark, WARM_UP_SECONDS)
        time.sleep(0.1)
    process.kill(mark)
    if not os.path.exists(f'{part}/classes.jsa'):
        with open(log, encoding='utf-8', errors='replace') as text:
            raise Broken('Kafka does not start; it says:\n' + text.read()[-2000:])


def random_id():
    """As Kafka writes its ids."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip('=')


class Kafka(Engine):
    """One broker of the cluster."""
    ports = 3  # clients, brokers, controllers

    @property
    def number(self):
        return int(self.name[len('kafka'):])

    def program(self):
        java = program(['java'], 'openjdk-17-jre-headless')
        warmed(self.group.cache)
        return java

    def listeners(self):
        """Clients meet TLS and passwords in a secure set; what the brokers say to each other stays plain, on ports of its own."""
        clients, brokers, controllers = self.group.ports_of(self)
        lines = [f'listeners=CLIENT://{self.address}:{clients},BROKER://127.0.0.1:{brokers},CONTROLLER://127.0.0.1:{controllers}',
                 f'advertised.listeners=CLIENT://{self.host}:{clients},BROKER://127.0.0.1:{brokers}',
                 f'listener.security.protocol.map=CLIENT:{"SASL_SSL" if self.secure else "PLAINTEXT"},BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT',
                 'inter.broker.listener.name=BROKER', 'controller.listener.names=CONTROLLER']
        if self.secure:
            # PLAIN too: librdkafka before 2.6.1, as in Debian 12, does not get through Kafka 4 with SCRAM.
            lines += ['sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN',
                      'listener.name.client.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required '
                      f'user_{USER}="{PASSWORD}";',
                      'listener.name.client.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;',
                      'listener.name.client.ssl.keystore.type=PEM', f'listener.name.client.ssl.keystore.location={self.home}/server-all.pem']
        return lines

    def prepare(self):
        all_brokers = self.group.brokers()
        voters = ','.join(f'{broker.number}@127.0.0.1:{self.group.ports_of(broker)[2]}' for broker in all_brokers)
        copies = min(3, len(all_brokers))
        enough = 2 if copies == 3 else 1
        if self.secure:
            self.certify()
        self.write('kafka.properties', [
            'process.roles=broker,controller', f'node.id={self.number}', f'controller.quorum.voters={voters}', *self.listeners(),
            # A killed broker is let in again once its session is over: Kafka's own 9 s would be most of what a restart takes.
            'broker.session.timeout.ms=4000', 'broker.heartbeat.interval.ms=500',
            f'log.dirs={self.home}/data', 'auto.create.topics.enable=false', 'group.initial.rebalance.delay.ms=0',
            f'default.replication.factor={copies}', f'min.insync.replicas={enough}', f'offsets.topic.replication.factor={copies}',
            # Two cores: more threads only wake each other. A request costs a sixth less so.
            'num.io.threads=2', 'num.network.threads=1',
            'offsets.topic.num.partitions=4', f'transaction.state.log.replication.factor={copies}', f'transaction.state.log.min.isr={enough}',
            'transaction.state.log.num.partitions=4', f'share.coordinator.state.topic.replication.factor={copies}',
            f'share.coordinator.state.topic.min.isr={enough}', *self.more('{}={}')])
        os.mkdir(f'{self.home}/data')
        shutil.copyfile(f'{warmed(self.group.cache)}/{"secure" if self.secure else "plain"}.checkpoint', f'{self.home}/data/bootstrap.checkpoint')
        self.write('data/meta.properties', ['version=1', f'cluster.id={self.group.state["id"]}', f'node.id={self.number}',
                                            f'directory.id={random_id()}'])

    def command(self):
        # Compiling as far as Java can pays in runs of minutes only; two cores have better to do in a test.
        machine = BENCH_MEMORY if self.group.state['bench'] else [*MEMORY, '-XX:TieredStopAtLevel=1']
        logger = '-Dorg.slf4j.simpleLogger.'
        return [self.program(), *machine, f'-XX:SharedArchiveFile={warmed(self.group.cache)}/classes.jsa', f'{logger}showDateTime=true',
                f'{logger}dateTimeFormat=HH:mm:ss.SSS', f'{logger}showThreadName=false', '-cp', f'{jars(self.group.cache)}/*', 'kafka.Kafka',
                f'{self.home}/kafka.properties']

    def answers(self):
        """It lets clients in once the controllers know it: asks which versions it speaks, which needs no password."""
        with self.connect() as link:
            client = b'engines'
            request = struct.pack('>hhih', 18, 0, 7, len(client)) + client
            link.sendall(struct.pack('>i', len(request)) + request)
            return link.recv(8)[4:8] == struct.pack('>i', 7)

    def lose(self, before_ms):
        kafka_loss.cut(f'{self.home}/data', before_ms)

    def addresses(self):
        return {'ENGINES_KAFKA': ','.join(f'{self.host}:{broker.port}' for broker in self.group.brokers())}
