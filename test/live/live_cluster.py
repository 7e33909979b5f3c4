#!/usr/bin/python3
"""galkad on Kafka, Redis and PostgreSQL that demand TLS and passwords: starts that cannot work are refused in one line, and two people on two
frontends talk, whatever of it is stopped and started meanwhile. See cluster.py."""
import os
import signal
import socket
import sys
import time

import wire
from cluster import ClusterRig
from tap import Suite, expect, expect_equal, wait_until

suite = Suite()
case = suite.case
WORKERS = ('auth', 'session', 'query', 'notify')


def changed(options, **values):
    """The options with other values: changed(options, kafka='x') for --kafka x."""
    options = list(options)
    for name, value in values.items():
        options[options.index('--' + name.replace('_', '-')) + 1] = value
    return options


def expect_refusal(rig, words, *arguments, kind='session', **secrets):
    """It ends with code 1 and one line that holds these words, and nothing runs or listens."""
    code, said, wrong = rig.run(*arguments, kind, **secrets)
    expect_equal((code, len(wrong)), (1, 1), f'exit code and lines: {wrong}')
    expect(wrong[0].startswith('galkad: '), wrong[0])
    for word in words:
        expect(word in wrong[0], f'{word!r} is in: {wrong[0]}')
    expect_equal(said, '', 'what it said of its start')
    expect(rig.engines.password not in wrong[0], 'no password is shown')


# ---- what cannot work ----

@case
def what_is_missing(rig):
    """without an engine's address, without keys, with a password where others see it"""
    whole = rig.engine_options('session')
    for left_out, word in (('--kafka', '--kafka HOST:PORT'), ('--redis', '--redis HOST:PORT'), ('--postgres', '--postgres URI'),
                           ('--keys', '--keys FILE')):
        at = whole.index(left_out)
        expect_refusal(rig, [f'galkad session needs {word}'], *whole[:at], *whole[at + 2:])
    expect_refusal(rig, ['there are no keys', 'galkad keys'], *whole)
    expect_equal(rig.run('keys', rig.keys)[0], 0, 'galkad keys')
    expect_equal(rig.run('keys', rig.keys)[::2], (1, [f'galkad: {rig.keys} is there already: with other keys nobody\'s token is good any more']),
                 'a second time')
    uri = 'postgresql://galka{}@localhost/galka{}'
    for text in (rig.engines.postgres_uri() + ' password=x', rig.engines.postgres_uri() + " password = 'x'", uri.format(':x', ''),
                 uri.format('', '?password=x'), uri.format('', '?pass%77ord=x')):
        expect_refusal(rig, ['no password belongs into --postgres'], *changed(whole, postgres=text))
    expect_refusal(rig, ['--postgres must be a URI'], *changed(whole, postgres='db.example.org'))
    code, _, wrong = rig.run(*whole, '--redis-password', 'x', 'session')
    expect_equal((code, len(wrong)), (2, 1), f'a secret on the command line: {wrong}')


@case
def schema_and_topics(rig):
    """no schema, no topics: which command makes them"""
    whole = rig.engine_options('session')
    expect_refusal(rig, ['schema', 'galkad migrate'], *whole)
    code, said, _ = rig.run(*whole, 'doctor')
    expect_equal(code, 1, f'galkad doctor: {said}')
    expect('fail  database: ' in said and 'galkad migrate' in said, said)
    code, said, _ = rig.run('--postgres', rig.engines.postgres_uri(), '--dry-run', 'migrate')
    expect(code == 0 and said and all('would be applied' in line for line in said.splitlines()), f'galkad --dry-run migrate: {said}')
    expect_refusal(rig, ['schema', 'galkad migrate'], *whole)
    expect_equal(rig.run('--postgres', rig.engines.postgres_uri(), 'migrate')[0], 0, 'galkad migrate')
    expect_refusal(rig, ['topic', 'galkad topics'], *whole)
    topics = (*rig.engine_options('notify'), '--partitions', '2', '--frontend-partitions', '3')
    code, said, _ = rig.run(*whole, 'doctor')
    expect_equal(code, 1, f'galkad doctor: {said}')
    expect('fail  bus: ' in said and 'galkad topics' in said and 'ok    database: PostgreSQL' in said and 'ok    presence: Redis' in said, said)
    expect_equal(rig.run(*topics, '--dry-run', 'topics')[0], 1, 'galkad --dry-run topics: there is something to do')
    expect_equal(rig.run(*topics, 'topics')[0], 0, 'galkad topics')
    wait_until(lambda: rig.run(*topics, '--dry-run', 'topics')[0] == 0, 'all is as it should be')
    code, said, _ = rig.run(*whole, *topics[-4:], 'doctor')
    expect('ok    bus: ' in said and "ok    database: the clock of PostgreSQL differs" in said, said)
    code, said, _ = rig.run(*whole, 'doctor')
    expect('warn  bus: ' in said and '--partitions' in said, said)


@case
def newer_schema(rig):
    """a schema that a newer galkad made is refused, by migrate too"""
    rig.engines.psql("INSERT INTO galka_schema(version) VALUES(999)")
    try:
        expect_refusal(rig, ['schema', 'newer'], *rig.engine_options('session'))
        code, _, wrong = rig.run('--postgres', rig.engines.postgres_uri(), 'migrate')
        expect_equal((code, len(wrong)), (1, 1), f'galkad migrate: {wrong}')
        expect('newer' in wrong[0], wrong[0])
    finally:
        rig.engines.psql("DELETE FROM galka_schema WHERE version = 999")


@case
def wrong_passwords(rig):
    """a wrong password, of each engine"""
    whole = rig.engine_options('session')
    expect_refusal(rig, ['password', 'see --postgres'], *whole, GALKA_POSTGRES_PASSWORD='wrong')
    expect_refusal(rig, ['password', 'see --redis'], *whole, GALKA_REDIS_PASSWORD='wrong')
    expect_refusal(rig, ['refuses user', 'check user, password'], *whole, GALKA_KAFKA_PASSWORD='wrong')
    code, _, wrong = rig.run('--postgres', rig.engines.postgres_uri(), 'migrate', GALKA_POSTGRES_PASSWORD='wrong')
    expect_equal((code, len(wrong)), (1, 1), f'galkad migrate: {wrong}')
    expect('see --postgres' in wrong[0], wrong[0])
    code, _, wrong = rig.run(*rig.engine_options('notify'), 'topics', GALKA_KAFKA_PASSWORD='wrong')
    expect_equal((code, len(wrong)), (1, 1), f'galkad topics: {wrong}')
    expect('check user, password' in wrong[0], wrong[0])
    expect_refusal(rig, ['--kafka-user needs a password'], *whole, GALKA_KAFKA_PASSWORD='')
    expect_refusal(rig, ['refuses user', 'use PLAIN within TLS'], *whole, '--kafka-sasl', 'SCRAM-SHA-512', GALKA_KAFKA_PASSWORD='wrong')
    open_whole = [word for word in changed(whole, kafka_ca='') if word != '--kafka-tls']
    expect_refusal(rig, ['shows the password to the network'], *open_whole)


@case
def wrong_names(rig):
    """an engine whose certificate names another host, or is signed by a stranger"""
    whole, stranger = rig.engine_options('session'), rig.engines.stranger_ca
    expect_refusal(rig, ['TLS', 'mismatch', 'see --redis'], *changed(whole, redis=f'127.0.0.1:{rig.engines.redis_port}'))
    expect_refusal(rig, ['certificate'], *changed(whole, redis_ca=stranger))
    expect_refusal(rig, ['certificate', 'see --postgres'], *changed(whole, postgres=rig.engines.postgres_uri(host='127.0.0.1')))
    expect_refusal(rig, ['certificate'], *changed(whole, postgres=rig.engines.postgres_uri(ca=stranger)))
    expect_refusal(rig, ['certificate'], *changed(whole, kafka=rig.engines.kafka.replace('localhost', '127.0.0.1')))
    expect_refusal(rig, ['certificate'], *changed(whole, kafka_ca=stranger))


@case
def nobody_there(rig):
    """an address where nobody answers"""
    whole = rig.engine_options('session')
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))  # and nobody listens
        port = taken.getsockname()[1]
        expect_refusal(rig, ['localhost port', str(port)], *changed(whole, redis=f'localhost:{port}'))
        expect_refusal(rig, [f'localhost:{port}'], *changed(whole, kafka=f'localhost:{port}'))
        uri = rig.engines.postgres_uri().replace(f'port={rig.engines.postgres_port}', f'port={port}')
        expect_refusal(rig, [str(port)], *changed(whole, postgres=uri))


@case
def two_with_one_index(rig):
    """an index that is taken, or for which there is no partition; a folder that is in use; more workers than partitions"""
    roles = [rig.role('frontend').launch(), *(rig.role('notify', index=index).launch() for index in (0, 1))]
    try:
        for role in roles:
            role.await_start()
        other = ['--data', os.path.join(rig.folder, 'other'), '--port', '0', '--index']
        expect_refusal(rig, ['frontend 0', '--index'], *rig.engine_options('frontend'), *other, '0', kind='frontend')
        expect_refusal(rig, ['partitions'], *rig.engine_options('frontend'), *other, '3', kind='frontend')
        expect_refusal(rig, ['uses', '--index'], *rig.engine_options('frontend'), '--port', '0', kind='frontend')
        expect_refusal(rig, ['partitions'], *rig.engine_options('notify'), '--index', '2', kind='notify')
        expect_equal([role.stop() for role in roles], [0, 0, 0], 'exit codes: who was there first stayed')
    finally:
        for role in roles:
            role.kill()


# ---- what works ----

def start_all(rig, frontends):
    roles = {kind: rig.role(kind, *(['--dev'] if kind == 'notify' else [])).launch() for kind in WORKERS}
    roles |= {f'frontend{index}': rig.role('frontend', index=index).launch() for index in range(frontends)}
    for role in roles.values():
        role.await_start()
    return roles


@case
def two_terminals(rig):
    """two people who signed up by mail talk, each on a frontend of his own"""
    rig.roles = roles = start_all(rig, 2)
    for name, frontend in (('anna', 'frontend0'), ('boris', 'frontend1')):
        code_of = roles['notify'].code_for
        server = roles[frontend]
        server.code_for = code_of
        rig.sign_up(server, name)
    tail = rig.galka_leader('boris', 'tail', '--json')
    rig.galka('anna', 'send', '--wait', '@boris', 'Hello over Kafka')
    got = wait_until(lambda: [line for line in tail.json() if line.get('text') == 'Hello over Kafka'], 'boris hears anna')
    expect_equal(got[0]['sender_name'], 'anna', 'of whom')
    tail.end()
    rig.galka('boris', 'send', '@anna', 'I hear you')
    wait_until(lambda: 'I hear you' in [row['text'] for row in rig.galka_json('anna', 'history', '@boris')], 'anna hears boris')


@case
def looked_through(rig):
    """galkad check looks through the database beside the roles, and finds all in order"""
    code, said, wrong = rig.run('--postgres', rig.engines.postgres_uri(), 'check')
    expect_equal((code, wrong), (0, []), f'galkad check: {said}')
    found = dict(part.split('=') for part in said.split())
    expect_equal(found['faults'], '0', 'faults')
    expect(int(found['rows']) >= 2, f'rows: {said}')


@case
def who_is_watched(rig):
    """every role says that its engines answer, and how far behind it is"""
    for name, role in rig.roles.items():
        status, text = wait_until(lambda role=role: (got := role.page('/readyz'))[0] == 200 and got, f'{name} is ready')
        expect(f'ok   {role.kind} {role.index}: the bus answers' in text.splitlines(), text)
    expect_equal(rig.roles['session'].number('galka_bus_lag_records{'), 0, 'lag of session')
    expect_equal(rig.roles['session'].number('galka_bus_partitions{'), 2, 'its partitions')
    expect(rig.roles['session'].number('galka_worker_records_total{') >= 2, 'its records')


@case
def idle_is_idle(rig):
    """roles that have nothing to do hardly use the processor"""
    before = {name: role.number('process_cpu_seconds_total') for name, role in rig.roles.items()}
    time.sleep(3)
    used = {name: role.number('process_cpu_seconds_total') - before[name] for name, role in rig.roles.items()}
    expect(rig.sanitized or all(seconds < 0.15 for seconds in used.values()), f'seconds of 3: {used}')


def talk(alice, bob, room, numbers):
    """Alice writes, each is answered; Bob gets them in order."""
    for number in numbers:
        written = alice.write(room, f'{number}')
        expect_equal(written.name, 'written', f'answer to {number}: {written}')
        expect_equal(written.body['outcomes'][0].get('status', 0), 0, f'outcome of {number}')


@case
def a_worker_comes_and_goes(rig):
    """a second worker takes half of the partitions, and gives them back when it is told to stop; nobody notices"""
    alice_user, bob_user = rig.import_users('alice', 'bob')
    room = wire.personal_room(alice_user.user, bob_user.user)
    first = rig.roles['session']
    with rig.roles['frontend0'].joined(alice_user) as alice, rig.roles['frontend1'].joined(bob_user) as bob:
        talk(alice, bob, room, range(20))
        second = rig.role('session', index=1).start()
        wait_until(lambda: first.number('galka_bus_partitions{') == 1 and second.number('galka_bus_partitions{') == 1, 'they share', 60)
        talk(alice, bob, room, range(20, 40))
        expect_equal(second.stop(), 0, 'exit code')
        wait_until(lambda: first.number('galka_bus_partitions{') == 2, 'it has all again', 60)
        talk(alice, bob, room, range(40, 60))
        texts = [bob.wait_for('delivery').body['row']['text'] for _ in range(60)]
        expect_equal(texts, [str(number) for number in range(60)], 'what bob got')


def outage(rig, engine, role, words):
    """Stops an engine: the roles say what does not answer, live on, and go on once it is back."""
    rig.engines.call('kill', engine)
    wait_until(lambda: any(words in line for line in role.page('/readyz')[1].splitlines() if line.startswith('FAIL')), f'{role.kind}: {words}', 90)
    expect_equal(role.page('/readyz')[0], 503, 'status of /readyz')
    expect_equal(role.page('/livez')[0], 200, 'status of /livez')
    rig.engines.call('start', engine)
    wait_until(lambda: role.page('/readyz')[0] == 200, f'{role.kind} is ready again', 90)
    expect(all(each.runs() for each in rig.roles.values()), 'all roles run')


@case
def who_is_disabled(rig):
    """galkad user disable, from the command line over PostgreSQL and Kafka, ends his connections on every frontend, and nobody else's"""
    gone_user, stays_user = rig.import_users('gone', 'stays')
    with rig.roles['frontend0'].joined(gone_user) as first, rig.roles['frontend1'].joined(gone_user) as second, \
            rig.roles['frontend1'].joined(stays_user) as stays:
        code, said, wrong = rig.run(*rig.engine_options('session'), 'user', 'disable', 'gone')
        expect_equal((code, wrong), (0, []), f'galkad user disable: {said}')
        for client in (first, second):
            expect_equal(client.until_closed(10)[-1].body.get('code'), rig.error('REVOKED'), 'what he is told')
        stays.send('ping', {'echo': 1})
        stays.wait_for('pong')


@case
def redis_is_out(rig):
    """Redis killed and started again, empty: roles live on, and clients go on by themselves"""
    user, = rig.import_users('carol')
    outage(rig, 'redis', rig.roles['session'], 'presence does not answer')
    wait_until(lambda: serves(rig.roles['frontend0'], user), 'it serves', 90)


@case
def postgres_is_out(rig):
    """PostgreSQL killed and started again: roles live on, and what is asked then is done"""
    user, = rig.import_users('dora')
    outage(rig, 'postgres', rig.roles['query'], 'the store does not answer')
    wait_until(lambda: serves(rig.roles['frontend0'], user), 'it serves', 90)


@case
def kafka_is_out(rig):
    """Kafka killed and started again: roles live on, and what is asked then is done"""
    user, = rig.import_users('emil')
    outage(rig, 'kafka', rig.roles['frontend0'], 'the bus does not answer')
    wait_until(lambda: serves(rig.roles['frontend1'], user), 'it serves', 90)


def serves(role, user):
    """Whether it answers everything now; while an engine comes back, an answer may be late."""
    try:
        return role.serves(user)
    except (AssertionError, TimeoutError, wire.Closed):
        time.sleep(0.5)
        return False


@case
def started_before_its_engine(rig):
    """a role that is told to wait starts once its engine is there; told to stop meanwhile, it ends at once"""
    rig.engines.call('stop', 'redis')
    waiting = rig.role('query', '--wait-ms', '60000', index=1).launch()
    wait_until(lambda: waiting.process.err.find('server.waiting'), 'it says for whom it waits')
    hasty = rig.role('query', '--wait-ms', '60000', index=2).launch()
    wait_until(lambda: hasty.process.err.find('server.waiting'), 'another one waits')
    expect_equal(hasty.stop(30), 0, 'exit code of who is told to stop')
    rig.engines.call('start', 'redis')
    waiting.await_start()
    expect_equal(waiting.stop(), 0, 'exit code')


@case
def all_end_well(rig):
    """SIGTERM ends every role with code 0 within seconds, and the next one has its partitions at once"""
    for role in rig.roles.values():
        role.process.signal(signal.SIGTERM)
    begin = time.monotonic()
    expect_equal({name: role.process.wait(20) for name, role in rig.roles.items()}, dict.fromkeys(rig.roles, 0), 'exit codes')
    expect(time.monotonic() - begin < 12, f'it took {time.monotonic() - begin:.1f} s')
    after = rig.role('session').start()
    wait_until(lambda: after.number('galka_bus_partitions{') == 2, 'it has all partitions', 4)
    expect_equal(after.stop(), 0, 'exit code')


@case
def put_back(rig):
    """galkad restored gives the database another era, and tells frontends where it can"""
    code, said, wrong = rig.run('--postgres', rig.engines.postgres_uri(), 'restored')
    expect_equal((code, wrong), (0, []), f'galkad restored: {said}')
    expect('has a new era' in said and 'were not told' in said, said)
    code, said, wrong = rig.run(*rig.engine_options('session'), 'restored')
    expect_equal((code, wrong), (0, []), f'galkad restored, with Kafka: {said}')
    expect('Frontends were told' in said, said)
    code, said, wrong = rig.run(*changed(rig.engine_options('session'), kafka='127.0.0.1:1'), 'restored')
    expect_equal((code, len(wrong)), (1, 1), f'with a Kafka that is not there: {wrong}')
    expect('could not be told' in wrong[0] and 'has a new era' in said, wrong[0])


sys.exit(suite.run(ClusterRig))
