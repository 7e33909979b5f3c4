"""The engines that tests stand on (tools/engines): each answers its own client, keeps what it should, and is gone when it should be.

Called with ROOT FOLDER: the source tree, and a folder on a real disk.
"""
import os
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(sys.argv[1], 'test', 'live'))

from tap import Skip, Suite, expect, expect_equal, wait_until  # noqa: E402

ROOT, FOLDER = sys.argv[1], sys.argv[2]
MISSING = 77
suite = Suite()


def call(*arguments, code=0, text=None, **more):
    done = subprocess.run(arguments, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=200, check=False, **more)
    if code is not None:
        expect(done.returncode == code, f'{" ".join(arguments)}: exit code {done.returncode}, expected {code}:\n{done.stdout}')
    return done.stdout.strip()


class Set:
    """A set of engines in a folder of its own, and clients that are not ours."""

    jars = ''

    def __init__(self, folder):
        self.folder = folder
        self.known = {}

    def engines(self, *arguments, **more):
        return call(f'{ROOT}/tools/engines', '--dir', self.folder, *arguments, **more)

    def start(self, *arguments, **more):
        said = self.engines('start', *arguments, **more)
        if os.path.exists(f'{self.folder}/env'):
            with open(f'{self.folder}/env', encoding='utf-8') as file:
                self.known = dict(line.split('=', 1) for line in shlex.split(file.read(), comments=True))
        return said

    def __getattr__(self, name):
        return self.known['ENGINES_' + name.upper()]

    def port_of(self, name):
        return int(next(line for line in self.engines('status').splitlines() if line.startswith(name)).split()[3])

    def pid_of(self, name):
        return next(line for line in self.engines('status').splitlines() if line.startswith(name)).split()[5]

    def psql(self, text, through=None, **more):
        return call('psql', '-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-c', text, through or self.postgres, **more)

    def redis(self, *words, login=True, tls=None):
        """One command over a socket; the first line of the answer, or of a value the value."""
        secure = self.secure == '1' if tls is None else tls
        with socket.create_connection(('127.0.0.1', int(self.redis_port)), timeout=5) as link:
            if secure:
                link = ssl.create_default_context(cafile=self.ca).wrap_socket(link, server_hostname='localhost')
            answers = link.makefile('rb')
            for command in ([('AUTH', self.user, self.password)] if secure and login else []) + [words]:
                link.sendall((' '.join(command) + '\r\n').encode())
                answer = answers.readline().decode().strip()
            if answer.startswith('$') and answer != '$-1':
                answer = answers.readline().decode().strip()
            link.close()
            return answer

    def kafka_tool(self, name, option, *arguments, text=None, password=None, code=0):
        """A tool of Kafka's own."""
        java = ['java', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', f'-XX:SharedArchiveFile={self.jars}-warm/classes.jsa',
                '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', self.jars + '/*', f'org.apache.kafka.tools.{name}', '--bootstrap-server', self.kafka]
        if self.secure == '1':
            path = f'{self.folder}/client.properties'
            with open(path, 'w', encoding='utf-8') as file:
                file.write('security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\nssl.truststore.type=PEM\n'
                           f'ssl.truststore.location={self.ca}\nrequest.timeout.ms=5000\ndefault.api.timeout.ms=8000\n'
                           'sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required '
                           f'username="{self.user}" password="{password or self.password}";\n')
            java += [option, path]
        return call(*java, *arguments, text=text, code=code)

    def kafka_topic(self, name, *more):
        self.kafka_tool('TopicCommand', '--command-config', '--create', '--topic', name, *more)

    def kafka_write(self, name, text):
        self.kafka_tool('ConsoleProducer', '--command-config', '--topic', name, '--sync', text=text + '\n')

    def kafka_read(self, name, count=1):
        return self.kafka_tool('consumer.ConsoleConsumer', '--command-config', '--topic', name, '--from-beginning', '--max-messages', str(count), '--timeout-ms',
                               '20000')


class Rig:
    """Two sets: a plain one, and one that demands TLS and passwords, with three brokers."""

    def __enter__(self):
        self.temporary = tempfile.TemporaryDirectory(prefix='engines-', dir=FOLDER)
        os.chmod(self.temporary.name, 0o755)
        self.plain, self.secure = Set(self.temporary.name + '/plain'), Set(self.temporary.name + '/secure')
        done = subprocess.run([f'{ROOT}/tools/engines', 'fetch'], capture_output=True, text=True, check=False)
        self.no_kafka = done.stderr.strip() if done.returncode == MISSING else ''
        expect(done.returncode in (0, MISSING), f'fetching Kafka: {done.stderr}')
        Set.jars = done.stdout.strip()
        return self

    def __exit__(self, *_):
        for each in (self.plain, self.secure):
            each.engines('remove', code=None)
        self.temporary.cleanup()

    def need_kafka(self):
        if self.no_kafka:
            raise Skip(self.no_kafka)

    def diagnosis(self):
        lines = []
        for each in (self.plain, self.secure):
            lines += each.engines('status', code=None).splitlines()
        return lines

    def end_case(self):
        pass


def answers(port):
    with socket.socket() as probe:
        probe.settimeout(0.5)
        try:
            probe.connect(('127.0.0.1', port))
            probe.sendall(b'PING\r\n')
            return bool(probe.recv(10))
        except OSError:
            return False


@suite.case
def each_answers(rig):
    """PostgreSQL, its pooler and Redis are there after one command"""
    rig.plain.start('postgres', 'pgbouncer', 'redis')
    expect_equal(rig.plain.psql('SELECT current_user, current_database()'), 'galka|galka', 'who one is')
    expect_equal(rig.plain.psql('SHOW fsync'), 'on', 'fsync')
    expect_equal(rig.plain.psql('SELECT 1', through=rig.plain.pgbouncer), '1', 'through the pooler')
    expect_equal(rig.plain.redis('PING'), '+PONG', 'Redis')


@suite.case
def kafka_answers(rig):
    """Kafka joins them, and takes and gives a record"""
    rig.need_kafka()
    rig.plain.start('kafka')
    rig.plain.kafka_topic('talk', '--partitions', '3')
    rig.plain.kafka_write('talk', 'hello')
    expect('hello' in rig.plain.kafka_read('talk'), 'the record is there')


@suite.case
def restart_keeps(rig):
    """A restart keeps data and addresses"""
    rig.plain.psql("CREATE TABLE kept (word TEXT); INSERT INTO kept VALUES ('here')")
    rig.plain.redis('SET', 'word', 'here')
    before, pid = rig.plain.engines('env'), rig.plain.pid_of('postgres')
    rig.plain.engines('restart')
    expect_equal(rig.plain.engines('env'), before, 'addresses')
    expect(rig.plain.pid_of('postgres') != pid, 'it is another process')
    expect_equal(rig.plain.psql('SELECT word FROM kept'), 'here', 'PostgreSQL')
    expect_equal(rig.plain.redis('GET', 'word'), 'here', 'Redis')
    if not rig.no_kafka:
        expect('hello' in rig.plain.kafka_read('talk'), 'Kafka: the record is there')


@suite.case
def kill_loses_nothing_written(rig):
    """After kill -9 PostgreSQL has what was committed, Redis the copy of its last SAVE"""
    rig.plain.redis('SET', 'word', 'older')
    rig.plain.redis('SAVE')
    rig.plain.redis('SET', 'word', 'newer')
    rig.plain.psql("INSERT INTO kept VALUES ('committed')")
    rig.plain.engines('kill', 'redis', 'postgres')
    expect(not answers(int(rig.plain.redis_port)), 'a killed Redis does not answer')
    rig.plain.start('redis', 'postgres')
    expect_equal(rig.plain.redis('GET', 'word'), 'older', 'Redis')
    expect_equal(rig.plain.psql('SELECT count(*) FROM kept'), '2', 'PostgreSQL')


@suite.case
def empty_forgets(rig):
    """Redis emptied runs on and knows nothing"""
    rig.plain.redis('SAVE')
    rig.plain.engines('empty', 'redis')
    expect_equal(rig.plain.redis('DBSIZE'), ':0', 'keys')


@suite.case
def kafka_loses(rig):
    """Kafka after a power cut has what is older, and goes on from there"""
    rig.need_kafka()
    rig.plain.kafka_topic('cut')
    rig.plain.kafka_write('cut', 'older')
    time.sleep(1)
    between = time.monotonic()
    rig.plain.kafka_write('cut', 'newer')
    # Between the two, whatever the machine needed for the second.
    rig.plain.engines('lose', '--seconds', str(time.monotonic() - between + 0.5), 'kafka')
    rig.plain.kafka_write('cut', 'newest')
    said = rig.plain.kafka_read('cut', 2).splitlines()
    expect_equal([line for line in said if line in ('older', 'newer', 'newest')], ['older', 'newest'], 'records')
    expect('loses nothing' in rig.plain.engines('lose', 'postgres', code=1), 'PostgreSQL')


@suite.case
def reached_by_address(rig):
    """A set on an address of its own is reached there, until the cable is pulled"""
    if os.getuid() != 0 or subprocess.run(['unshare', '--net', 'true'], stderr=subprocess.DEVNULL, check=False).returncode:
        raise Skip('network namespaces need root')
    # A nameless namespace lives as long as its process: `ip netns` mounts, which a chroot refuses, and leaves that behind.
    holder = subprocess.Popen(['unshare', '--net', 'sleep', '300'])
    inside, outside = f'gi{os.getpid()}', f'go{os.getpid()}'
    within = ('nsenter', f'--net=/proc/{holder.pid}/ns/net')
    other = Set(rig.temporary.name + '/address')
    near, far = (f'10.205.{os.getpid() % 250}.{end}' for end in (1, 2))
    try:
        wait_until(lambda: os.readlink(f'/proc/{holder.pid}/ns/net') != os.readlink('/proc/self/ns/net'), 'the namespace')
        call('ip', 'link', 'add', outside, 'type', 'veth', 'peer', 'name', inside, 'netns', str(holder.pid))
        call('ip', 'address', 'add', near + '/30', 'dev', outside)
        call('ip', 'link', 'set', outside, 'up')
        call(*within, 'ip', 'address', 'add', far + '/30', 'dev', inside)
        call(*within, 'ip', 'link', 'set', inside, 'up')
        other.start('--address', near, 'postgres', 'redis', *([] if rig.no_kafka else ['kafka']))
        expect(other.postgres.startswith(f'host={near} '), f'its address is told: {other.postgres}')
        ask = (*within, 'psql', '-X', '-At', '-c', 'SELECT 1', other.postgres + ' connect_timeout=2')
        expect_equal(call(*ask), '1', 'from the namespace')
        call('ip', 'link', 'set', outside, 'down')
        call(*ask, code=2)
        call('ip', 'link', 'set', outside, 'up')
        wait_until(lambda: call(*ask, code=None) == '1', 'the cable is back')
    finally:
        other.engines('remove', code=None)
        holder.kill()
        holder.wait()


@suite.case
def pause_and_resume(rig):
    """A paused engine keeps silent until it is resumed"""
    rig.plain.engines('pause', 'redis')
    expect(not answers(int(rig.plain.redis_port)), 'silent')
    rig.plain.engines('resume', 'redis')
    wait_until(lambda: answers(int(rig.plain.redis_port)), 'Redis speaks again')
    rig.plain.engines('pause', 'postgres')
    rig.plain.engines('stop', 'postgres')
    expect(not answers(int(rig.plain.postgres_port)), 'what is paused can be stopped')
    rig.plain.start('postgres')


@suite.case
def side_by_side(rig):
    """A second set beside the first shares nothing with it"""
    rig.secure.start('--secure', '--brokers', '3', 'postgres', 'pgbouncer', 'redis', *([] if rig.no_kafka else ['kafka']))
    ports = [line.split()[3] for each in (rig.plain, rig.secure) for line in each.engines('status').splitlines()]
    expect_equal(len(set(ports)), len(ports), 'ports')
    expect_equal(rig.secure.psql("SELECT to_regclass('kept')"), '', 'the table of the other')
    expect_equal(rig.secure.psql('SELECT 1', through=rig.secure.pgbouncer), '1', 'through the pooler')
    expect_equal(rig.secure.redis('DBSIZE'), ':0', 'keys')
    expect_equal(rig.plain.psql('SELECT count(*) FROM kept'), '2', 'the first has its own')


@suite.case
def postgres_demands(rig):
    """The secure PostgreSQL and its pooler demand TLS, the right name and the password"""
    for through in (rig.secure.postgres, rig.secure.pgbouncer):
        expect('authentication failed' in rig.secure.psql('SELECT 1', through=through.replace('tick-tick', 'tock'), code=2), 'password')
        expect('does not match' in rig.secure.psql('SELECT 1', through=through.replace('host=localhost', 'host=elsewhere.example'), code=2), 'name')
        expect('certificate verify failed' in rig.secure.psql('SELECT 1', through=through.replace('/ca.pem', '/stranger.pem'), code=2), 'authority')
        rig.secure.psql('SELECT 1', through=through.replace('sslmode=verify-full', 'sslmode=disable'), code=2)


@suite.case
def redis_demands(rig):
    """The secure Redis demands TLS and the password"""
    expect(rig.secure.redis('PING', login=False).startswith('-NOAUTH'), 'no password')
    try:
        said = rig.secure.redis('PING', tls=False)
    except OSError:
        said = ''
    expect('PONG' not in said, f'without TLS it says {said}')


@suite.case
def kafka_demands(rig):
    """The secure Kafka demands the password, and goes on without one of its three brokers"""
    rig.need_kafka()
    said = rig.secure.kafka_tool('TopicCommand', '--command-config', '--list', password='wrong', code=1)
    expect('SaslAuthenticationException' in said, f'wrong password: {said}')
    rig.secure.kafka_topic('talk')
    rig.secure.engines('kill', 'kafka2')
    rig.secure.kafka_write('talk', 'still here')
    rig.secure.start('kafka2')
    expect('still here' in rig.secure.kafka_read('talk'), 'the record is there')


@suite.case
def another_shape_is_refused(rig):
    """A set keeps the shape it was made with: another one is refused"""
    said = rig.plain.start('--secure', 'redis', code=1)
    expect('was made with secure False: remove it first' in said, said)
    expect('there is no engine oracle' in rig.plain.engines('stop', 'oracle', code=1), 'an unknown name')


@suite.case
def what_cannot_start_says_why(rig):
    """An engine that cannot start says why, and nothing else stays started"""
    rig.plain.engines('stop')
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(('127.0.0.1', int(rig.plain.redis_port)))
        other.listen()
        said = rig.plain.start('postgres', 'redis', code=1)
    expect('redis ended with 1' in said and 'Address already in use' in said, said)
    expect('runs' not in rig.plain.engines('status'), 'PostgreSQL was ended again')
    if not rig.no_kafka:
        said = Set(rig.temporary.name + '/wrong').start('--set', 'kafka:num.partitions=many', 'kafka', code=1)
        expect('kafka1 ended with 1' in said and 'Invalid value many for configuration num.partitions' in said, said)


@suite.case
def missing_is_skipped(rig):
    """What is not to be had is said with exit code 77, as TAP when asked"""
    without = {**os.environ, 'KAFKA_JARS': '/nowhere'}
    run = (f'{ROOT}/tools/engines', 'run', 'kafka')
    expect('SKIPPED: KAFKA_JARS=/nowhere' in call(*run, '--', 'true', code=MISSING, env=without), 'why')
    expect_equal(call(*run, '--tap', '--', 'true', env=without), '1..0 # SKIP KAFKA_JARS=/nowhere has no kafka-tools-4.3.0.jar', 'as TAP')
    del rig


@suite.case
def run_hands_over(rig):
    """A set for one program: it gets the addresses, its exit code comes back, and nothing is left"""
    script = ('import os, socket; port = os.environ["ENGINES_REDIS_PORT"]; socket.create_connection(("127.0.0.1", int(port))); '
              'print(port, os.environ["ENGINES_DIR"]); raise SystemExit(3)')
    port, folder = call(f'{ROOT}/tools/engines', 'run', 'redis', '--', '/usr/bin/python3', '-c', script, code=3).split()
    expect(not answers(int(port)), 'Redis is gone')
    expect(not os.path.exists(folder), 'its folder is gone')
    del rig


def watcher_of(pid):
    """The process that waits for the end of that one."""
    for entry in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{entry}/cmdline', encoding='utf-8') as file:
                words = file.read().split('\0')
        except OSError:
            continue
        if len(words) > 2 and words[1].endswith('/watch.py') and words[2] == str(pid):
            return int(entry)
    raise AssertionError(f'nobody watches over {pid}')


def killed_run(number, watched=True):
    """Kills a run by a signal while its program sleeps. Its program, the port of its Redis, its folder."""
    with subprocess.Popen([f'{ROOT}/tools/engines', 'run', 'redis', '--', 'sh', '-c', 'echo $$ $ENGINES_REDIS_PORT $ENGINES_DIR; exec sleep 60'],
                          stdout=subprocess.PIPE, text=True) as runner:
        pid, port, folder = runner.stdout.readline().split()
        expect(answers(int(port)), 'Redis answers')
        if not watched:
            os.kill(watcher_of(runner.pid), signal.SIGKILL)
        runner.send_signal(number)
        runner.wait(30)
    return int(pid), int(port), folder


def runs(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
            return file.read().rpartition(')')[2].split()[0] != 'Z'
    except FileNotFoundError:
        return False


@suite.case
def ended_run_cleans_up(rig):
    """A run takes its program and its engines along, whether it is ended or killed"""
    for number in (signal.SIGTERM, signal.SIGKILL):
        pid, port, folder = killed_run(number)
        wait_until(lambda: not runs(pid), f'after signal {number} the program is gone')
        wait_until(lambda: not answers(port), f'after signal {number} Redis is gone')
        wait_until(lambda: not os.path.exists(folder), f'after signal {number} the folder is gone')
    del rig


@suite.case
def next_run_sweeps(rig):
    """What a run left behind that was killed together with its watcher the next run removes"""
    _, port, folder = killed_run(signal.SIGKILL, watched=False)
    expect(answers(port), 'Redis is still there')
    call(f'{ROOT}/tools/engines', 'run', 'redis', '--', 'true')
    expect(not answers(port) and not os.path.exists(folder), 'the next run swept it away')
    del rig


@suite.case
def remove_leaves_nothing(rig):
    """A removed set leaves neither process nor folder"""
    rig.secure.start('postgres', 'redis')
    pids = [line.split()[5] for line in rig.secure.engines('status').splitlines()]
    rig.secure.engines('remove')
    expect(not os.path.exists(rig.secure.folder), 'its folder is gone')
    for pid in pids:
        expect(pid == '-' or not runs(pid), f'{pid} runs on')
    expect('there is no set' in rig.secure.engines('status', code=1), 'and it says so')


if __name__ == '__main__':
    sys.exit(suite.run(Rig))
