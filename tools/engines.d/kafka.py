"""Apache Kafka in KRaft mode: each broker is a controller too. The jars come from Maven Central, once."""
import fcntl
import os
import re
import shutil
import struct
import subprocess

from engine import PASSWORD, USER, Engine, Missing, program

HERE = os.path.dirname(os.path.abspath(__file__))
FETCH_SECONDS = 300
CLUSTER = 'MkU3OEVBNTcwNTJENDM2Qg'


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
    os.makedirs(cache, exist_ok=True)
    with open(f'{cache}/fetching', 'w', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(folder):
            fetch(folder)
    return folder


def fetch(folder):
    maven = program(['mvn'], 'maven')
    part = folder + '.part'
    shutil.rmtree(part, ignore_errors=True)
    command = [maven, '-q', '-B', '-f', f'{HERE}/pom.xml', 'dependency:copy-dependencies', f'-DoutputDirectory={part}']
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                              timeout=FETCH_SECONDS)
        text = '' if done.returncode == 0 else done.stdout
    except subprocess.TimeoutExpired:
        text = f'not done within {FETCH_SECONDS} s'
    if text or not os.path.exists(f'{part}/kafka-tools-{version()}.jar'):
        errors = [line for line in re.sub(r'\x1b\[[\d;]*m', '', text).splitlines() if 'ERROR' in line]
        raise Missing(f'Apache Kafka {version()} cannot be fetched from Maven: {(errors or [text.strip()])[0]}')
    os.rename(part, folder)


class Kafka(Engine):
    """One broker of the cluster."""
    ports = 3  # clients, brokers, controllers

    @property
    def number(self):
        return int(self.name[len('kafka'):])

    def program(self):
        java = program(['java'], 'openjdk-17-jre-headless')
        jars(self.group.cache)
        return java

    def java(self, *arguments):
        return [self.program(), '-Xmx512m', '-XX:+UseSerialGC', '-Dorg.slf4j.simpleLogger.showDateTime=true',
                '-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS', '-Dorg.slf4j.simpleLogger.showThreadName=false', '-cp',
                f'{jars(self.group.cache)}/*', *arguments]

    def listeners(self):
        """Clients meet TLS and passwords in a secure set; what the brokers say to each other stays plain, on ports of its own."""
        clients, brokers, controllers = self.group.ports_of(self)
        host = 'localhost' if self.secure else '127.0.0.1'
        lines = [f'listeners=CLIENT://127.0.0.1:{clients},BROKER://127.0.0.1:{brokers},CONTROLLER://127.0.0.1:{controllers}',
                 f'advertised.listeners=CLIENT://{host}:{clients},BROKER://127.0.0.1:{brokers}',
                 f'listener.security.protocol.map=CLIENT:{"SASL_SSL" if self.secure else "PLAINTEXT"},BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT',
                 'inter.broker.listener.name=BROKER', 'controller.listener.names=CONTROLLER']
        if self.secure:
            lines += ['sasl.enabled.mechanisms=SCRAM-SHA-512',
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
            f'log.dirs={self.home}/data', 'auto.create.topics.enable=false', 'group.initial.rebalance.delay.ms=0',
            f'default.replication.factor={copies}', f'min.insync.replicas={enough}', f'offsets.topic.replication.factor={copies}',
            'offsets.topic.num.partitions=4', f'transaction.state.log.replication.factor={copies}', f'transaction.state.log.min.isr={enough}',
            'transaction.state.log.num.partitions=4', f'share.coordinator.state.topic.replication.factor={copies}',
            f'share.coordinator.state.topic.min.isr={enough}', *self.more('{}={}')])
        scram = ['--add-scram', f'SCRAM-SHA-512=[name={USER},password={PASSWORD}]'] if self.secure else []
        self.run(self.java('kafka.tools.StorageTool', 'format', '-t', CLUSTER, '-c', f'{self.home}/kafka.properties', *scram), 'formatting its folder')

    def command(self):
        return self.java('kafka.Kafka', f'{self.home}/kafka.properties')

    def answers(self):
        """It lets clients in once the controllers know it: asks which versions it speaks, which needs no password."""
        with self.connect() as link:
            client = b'engines'
            request = struct.pack('>hhih', 18, 0, 7, len(client)) + client
            link.sendall(struct.pack('>i', len(request)) + request)
            return link.recv(8)[4:8] == struct.pack('>i', 7)

    def addresses(self):
        host = 'localhost' if self.secure else '127.0.0.1'
        return {'ENGINES_KAFKA': ','.join(f'{host}:{broker.port}' for broker in self.group.brokers())}
