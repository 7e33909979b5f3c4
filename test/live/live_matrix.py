#!/usr/bin/python3
"""The authorisation matrix (matrix.txt, which says what it is): every cell on a real server. See rig.py for the arguments; with
show as the last one it prints the table as it is found, to be read and not to be believed."""
import os
import re
import sys

import wire
from rig import Rig
from tap import Suite, expect, expect_equal

ASKERS = ('none', 'forged', 'revoked', 'other', 'stranger', 'former', 'member', 'admin', 'owner', 'blocked')
UNANSWERED = ('typing',)
UNJOINED = ('none', 'revoked')
OPTIONS = ('--connection-frames', '100000', '--user-frames', '100000', '--member-invites')
LINK, WRONG_LINK, SECRET = bytes(range(1, 17)), bytes(16 * [7]), bytes(32 * [9])
WRONG = b'not the right one'
TEXT, CREATED, JOINED, LEFT, TITLE, ROLE, LINKED, DELETED, EDITED, REACTED, PINNED = range(1, 12)
SETTING = 12
MEMBER, ADMIN, OWNER = 1, 2, 3


class Group:
    """A group of its own for a cell that changes it: an owner, another owner, three admins, one of whom others block, two members, one who was
    removed, each with a message in it, and a link."""

    def __init__(self, people):
        self.people, self.rows = people, {}
        self.room = wire.new_id()
        self.do('owner', CREATED, id=self.room, text='Matrix')
        for name in ('owner2', 'admin', 'admin2', 'blocked', 'member', 'member2', 'former'):
            self.do('owner', JOINED, subject=people[name].user)
        for name, role in (('owner2', OWNER), ('admin', ADMIN), ('admin2', ADMIN), ('blocked', ADMIN)):
            self.do('owner', ROLE, subject=people[name].user, role=role)
        for name in ('owner', 'admin', 'admin2', 'blocked', 'member', 'member2', 'former'):
            self.rows[name] = self.do(name, TEXT, text=f'of {name}')
        self.do('owner', LEFT, subject=people['former'].user)
        self.rows['stranger'] = self.rows['member2']  # he has none of his own
        self.do('owner', LINKED, link=LINK)
        self.last = self.do('owner', TEXT, text='after he was removed')
        self.do('owner', PINNED, target=self.last)

    def do(self, name, kind, **values):
        written = self.people[name].connection.ask('write', operation(kind, **values), room=self.room)
        outcome, = written.body['outcomes']
        expect_equal(outcome.get('status', 0), 0, f'{name} prepares kind {kind}')
        return outcome['seq']


def operation(kind, **values):
    return {'operations': [{'id': wire.new_id(), 'kind': kind} | values]}


# ---- what is sent: name in the table: (what, code, body of (group, person)) ----

def on_subject(kind, name, **values):
    """An operation whose subject is that person (None: the sender himself)."""
    return lambda group, person: operation(kind, subject=(group.people[name] if name else person).user, **values)


def on_row(kind, name, **values):
    """An operation on a message of that person's (None: the sender's own)."""
    return lambda group, person: operation(kind, target=group.rows[name or person.role], **values)


def always(body):
    return lambda group, person: body


def signing_up(group, person):
    name = f'new{wire.new_id().hex()[-8:]}'
    return {'email': f'{name}@example.org', 'user_name': name, 'display_name': 'New', 'password': b'long enough'}


WHERE_IN_GROUP = {'changes': {'limit': 200}, 'around': {'seq': 1, 'limit': 200}, 'members': {}, 'mark': {'delivered': 1},
                  'pins': {}}
BODIES = {
    'hello': always({'version_min': 1, 'version_max': 1}),
    'ping': always({'echo': 7}),
    'sign_up': signing_up,
    'confirm': always({'email': 'nobody@example.org', 'code': '000000', 'device_secret': SECRET, 'sign_up': wire.new_id()}),
    'sign_in': lambda group, person: {'login': person.name, 'password': WRONG, 'device_secret': SECRET},
    'renew': lambda group, person: {'user': person.user, 'device': person.device, 'device_secret': SECRET},
    'reset': lambda group, person: {'email': f'{person.name}@example.org'},
    'reset_confirm': lambda group, person: {'email': f'{person.name}@example.org', 'code': '000000', 'device_secret': SECRET,
                                            'reset': wire.new_id(), 'password': b'long enough'},
    'join': always({}),
    'sign_out': always({'device': 0, 'others': 1}),
    'set_password': always({'password': WRONG, 'new_password': b'long enough'}),
    'set_profile': always({'display_name': 'Another'}),
    'set_email': lambda group, person: {'email': f'{person.name}@example.com', 'password': WRONG},
    'confirm_email': lambda group, person: {'email': f'{person.name}@example.com', 'code': '000000', 'set_email': wire.new_id()},
    'invite': always({'uses': 1}),
    'delete_account': always({'password': WRONG}),
    'rooms': always({}),
    'find': always({'name': 'mem', 'limit': 5}),
    'profiles': lambda group, person: {'users': [{'user': group.people['member2'].user}]},
    'devices': always({}),
    'block': lambda group, person: {'user': group.people['bystander'].user, 'on': 0},
    'block/oneself': lambda group, person: {'user': person.user, 'on': 1},
    'blocks': always({}),
    'search': always({'text': 'after'}),
    'search/in_group': lambda group, person: {'text': 'after', 'room': group.room},
    'search/theirs': lambda group, person: {
        'text': 'between', 'room': wire.personal_room(group.people['owner2'].user, group.people['newcomer'].user)},
    'watch': lambda group, person: {'users': [{'user': group.people['member2'].user}], 'room': group.room},
    'typing': always({'kind': TEXT}),
    'reactors': lambda group, person: {'seq': group.rows['member2']},
    'reactors/later': lambda group, person: {'seq': group.last},
    'reactors/theirs': always({'seq': 1}),
    'typing/theirs': always({'kind': TEXT}),
    **{name: always(body) for name, body in WHERE_IN_GROUP.items()},
    **{f'{name}/theirs': always(body) for name, body in WHERE_IN_GROUP.items() if name != 'members'},
    'changes/personal': always(WHERE_IN_GROUP['changes']),
    'mark/personal': always(WHERE_IN_GROUP['mark']),
    'typing/personal': always({'kind': TEXT}),
    'write:TEXT/personal': lambda group, person: operation(TEXT, text='may I'),
    'write:TEXT/first': lambda group, person: operation(TEXT, text='may I'),
    'write:EDITED/personal': lambda group, person: operation(EDITED, target=person.personal, text='better'),
    'write:REACTED/personal': lambda group, person: operation(REACTED, target=person.personal, text='👍'),
    'write:DELETED/personal': lambda group, person: operation(DELETED, target=person.personal),
    'write:TEXT': lambda group, person: operation(TEXT, text='may I'),
    'write:TEXT/theirs': lambda group, person: operation(TEXT, text='may I'),
    'write:TEXT/reply': on_row(TEXT, 'member2', text='may I'),
    'write:CREATED': lambda group, person: operation(CREATED, text='Mine'),
    'write:JOINED/somebody': on_subject(JOINED, 'newcomer'),
    'write:JOINED/link': on_subject(JOINED, None, link=LINK),
    'write:JOINED/wrong_link': on_subject(JOINED, None, link=WRONG_LINK),
    'write:LEFT/oneself': on_subject(LEFT, None),
    'write:LEFT/a_member': on_subject(LEFT, 'member2'),
    'write:LEFT/an_admin': on_subject(LEFT, 'admin2'),
    'write:LEFT/an_owner': on_subject(LEFT, 'owner2'),
    'write:TITLE': lambda group, person: operation(TITLE, text='Mine'),
    'write:ROLE/raise': on_subject(ROLE, 'member2', role=ADMIN),
    'write:ROLE/oneself': on_subject(ROLE, None, role=OWNER),
    'write:LINK': lambda group, person: operation(LINKED, link=WRONG_LINK),
    'write:DELETED/own': on_row(DELETED, None),
    "write:DELETED/a_member's": on_row(DELETED, 'member2'),
    "write:DELETED/an_admin's": on_row(DELETED, 'admin2'),
    'write:EDITED/own': on_row(EDITED, None, text='better'),
    "write:EDITED/a_member's": on_row(EDITED, 'member2', text='worse'),
    "write:REACTED/a_member's": on_row(REACTED, 'member2', text='👍'),
    'write:REACTED/taken_back': on_row(REACTED, 'member2'),
    "write:PINNED/a_member's": on_row(PINNED, 'member2'),
    'write:PINNED/own': on_row(PINNED, None),
    'write:PINNED/off': on_row(PINNED, 'member2', off=1),
    'write:SETTING': lambda group, person: operation(SETTING, text='theme dark'),
    "write:SETTING/an_owner's": lambda group, person: operation(SETTING, text='theme dark'),
    'write:SETTING/in_group': lambda group, person: operation(SETTING, text='theme dark'),
    'write:SETTING/theirs': lambda group, person: operation(SETTING, text='theme dark'),
}


def code_of(what):
    return re.split('[:/]', what)[0]


# ---- one cell ----

class Person:
    """An imported account, what it is in the group, and a connection of its own."""

    def __init__(self, user, role):
        self.name, self.user, self.device, self.token, self.role = user.name, user.user, user.device, user.token, role
        self.connection = None
        self.personal = 0  # a message of his to the newcomer


def flip(token):
    return token[:-1] + bytes([token[-1] ^ 1])


def found(rig, answer):
    """An answer as the table has it."""
    if answer.name == 'written':
        outcome, = answer.body['outcomes']
        return rig.error_name(outcome.get('status', 0))
    return rig.error_name(answer.body['code']) if answer.name in ('error', 'bye') else 'OK'


def send(rig, client, code, body, header):
    """Sends it, and returns the answer as the table has it."""
    if 'request' in rig.definition.headers[code]:
        header['request'] = wire.new_id()
    client.send(code, body, **header)
    if code in UNANSWERED:
        try:
            client.send('ping', {'echo': 2})
        except wire.Closed:
            pass  # it says why, if it can
    # A code that is unknown here is answered without a request id, and so are those that have none.
    while True:
        answer = client.read()
        ends = answer.name == 'bye'
        if ends or answer.name in ('error', 'pong', 'welcome') or answer.header.get('request', b'') == header.get('request', bytes(16)):
            break
    verdict = 'SILENT' if code in UNANSWERED and answer.name == 'pong' else found(rig, answer)
    if answer.name == 'error':
        try:
            client.send('ping', {'echo': 1})
            while client.read().name != 'pong':
                pass
        except wire.Closed:
            ends = True
    return verdict + ('!' if ends else '')


PEERS = {'/personal': 'newcomer', '/first': 'bystander'}  # whose room with the asker is meant


def room_of(rig, what, person, group, body):
    peer = next((rig.people[name] for end, name in PEERS.items() if what.endswith(end)), None)
    if peer:
        return wire.personal_room(person.user, peer.user)
    if what.endswith('/theirs'):
        return rig.theirs
    if what in ('write:SETTING', "write:SETTING/an_owner's"):
        user = person.user if what == 'write:SETTING' else rig.people['owner2'].user
        return wire.personal_room(user, user)
    return body['operations'][0]['id'] if what == 'write:CREATED' else group.room


def try_cell(rig, what, asker):
    """What is answered to that asker."""
    code = code_of(what)
    person = rig.people['member' if asker in ('none', 'forged', 'other') else asker]
    group = Group(rig.people) if code == 'write' else rig.group
    body = BODIES[what](group, person)
    room = room_of(rig, what, person, group, body)
    token = {'none': bytes(40), 'forged': flip(person.token), 'other': rig.people['owner'].token}.get(asker, person.token)
    device = rig.people['owner'].device if asker == 'other' else person.device
    with rig.main.client() if asker in UNJOINED else rig.main.joined(person) as client:
        return send(rig, client, code, body, {'token': token, 'device': device, 'room': room})


def try_server_code(rig, asker):
    """The one answer to every code that only servers send."""
    person = rig.people['member' if asker in ('none', 'forged', 'other') else asker]
    verdicts = set()
    with rig.main.client() if asker in UNJOINED else rig.main.joined(person) as client:
        for name, code in rig.definition.codes.items():
            if code >= 0x80:
                verdicts.add(send(rig, client, name, b'', {'token': person.token, 'room': rig.group.room}))
    return '|'.join(sorted(verdicts))


# ---- the suite ----

def read_table(path):
    """{what: {asker: cell}}."""
    table = {}
    with open(path, encoding='utf-8') as lines:
        for line in lines:
            if line.strip() and not line.startswith('#'):
                what, *cells = line.split()
                expect(what not in table, f'{what} stands twice')
                expect_equal(len(cells), len(ASKERS), f'cells of {what}')
                table[what] = dict(zip(ASKERS, cells))
    return table


TABLE = read_table(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'matrix.txt'))
suite = Suite()


@suite.case
def whole(rig):
    """the table has every code of a client and every kind of operation"""
    codes = {name for name, code in rig.definition.codes.items() if code < 0x80} - {'write'}
    wanted = codes | {f'write:{kind}' for kind in rig.kinds} | {'(server)'}
    expect_equal({what.split('/')[0] for what in TABLE}, wanted, 'what is tried')
    expect_equal(set(TABLE) - {'(server)'}, set(BODIES), 'what has a body here')


def add_row(what, cells):
    def row(rig):
        for asker in ASKERS:
            got = try_server_code(rig, asker) if what == '(server)' else try_cell(rig, what, asker)
            expect_equal(got, cells[asker], f'{what} of {asker}')
    row.__doc__ = f'{what}: {len(cells)} cells'
    suite.case(row)


for _what, _cells in TABLE.items():
    add_row(_what, _cells)


@suite.case
def past_the_stay(rig):
    """who was removed reads nothing of what was written since"""
    with rig.main.joined(rig.people['former']) as client:
        expect_equal(client.ask('pins', {}, room=rig.group.room).body.get('rows', []), [], 'nor what was pinned since')
        for code in ('changes', 'around'):
            rows = client.ask(code, WHERE_IN_GROUP[code], room=rig.group.room).body['rows']
            expect('of former' in {row.get('text') for row in rows}, f'{code}: his own message is there')
            expect(max(row['seq'] for row in rows) < rig.group.last - 1, f'{code}: nothing later than his leaving: {rows}')
        for room in ({}, {'room': rig.group.room}):
            texts = {hit['row']['text'] for hit in client.ask('search', {'text': 'former'} | room).body['hits']}
            expect_equal(texts, {'of former'}, 'he finds what is his to see')
            hits = client.ask('search', {'text': 'removed'} | room).body.get('hits', [])
            expect_equal(hits, [], 'and nothing later than his leaving')


@suite.case
def blocked_sees_nobody(rig):
    """who is blocked neither finds nor watches those who block him, and they not him; others they do"""
    blocked, other = rig.people['blocked'], rig.people['member2']
    for asker, sought in ((blocked, other), (other, blocked)):
        with rig.main.joined(asker) as client:
            found = client.ask('find', {'name': sought.name, 'limit': 5}).body.get('people', [])
            expect_equal(found, [], f'{asker.name} looks for {sought.name}')
            users = [{'user': sought.user}, {'user': rig.people['owner'].user}]
            statuses = client.ask('watch', {'users': users, 'room': rig.group.room}).body['statuses']
            expect_equal([status['user'] for status in statuses], [rig.people['owner'].user], f'{asker.name} watches')
    with rig.main.joined(other) as client:
        listed = client.ask('blocks', {}).body['people']
        expect_equal([person['user'] for person in listed], [blocked.user], 'whom she blocks')
        expect_equal(len(client.ask('find', {'name': 'owner', 'limit': 5}).body['people']), 2, 'others are found')


class MatrixRig(Rig):
    def __init__(self):
        super().__init__()
        with open(os.path.join(os.path.abspath(sys.argv[3]), 'src/rules/row.h'), encoding='utf-8') as text:
            self.kinds = re.findall(r'^ +X\((\w+), \d+, "', text.read(), re.MULTILINE)
        self.names = {number: name for name, number in self.definition.errors.items()}

    def error_name(self, number):
        return self.names.get(number, str(number))

    def __enter__(self):
        super().__enter__()
        self.main = self.server(*OPTIONS)
        roles = ('owner', 'owner2', 'admin', 'admin2', 'member', 'member2', 'former', 'stranger', 'blocked', 'newcomer', 'bystander', 'revoked')
        users = self.main.add_users(*roles)
        self.main.start()
        self.people = {role: Person(user, role) for role, user in zip(roles, users)}
        for person in self.people.values():
            person.connection = self.main.joined(person)
        expect_equal(self.people['revoked'].connection.ask('sign_out', {'device': 0}).name, 'done', 'a device is signed out')
        self.people['revoked'].role = 'stranger'
        self.theirs = wire.personal_room(self.people['owner2'].user, self.people['newcomer'].user)
        expect_equal(self.people['owner2'].connection.write(self.theirs, 'between us').name, 'written', 'a room of two')
        self.group = Group(self.people)
        for name in ASKERS[4:]:
            self.people[name].personal = self.writes_to(name, 'newcomer')
        for name in ('newcomer', 'member2', 'bystander'):
            answer = self.people[name].connection.ask('block', {'user': self.people['blocked'].user, 'on': 1})
            expect_equal(answer.name, 'blocked', f'{name} blocks somebody')
        return self

    def writes_to(self, name, other):
        room = wire.personal_room(self.people[name].user, self.people[other].user)
        written = self.people[name].connection.ask('write', operation(TEXT, text='hello'), room=room)
        return written.body['outcomes'][0]['seq']


def show():
    with MatrixRig() as rig:
        for what in TABLE:
            print(f'{what:<26}' + ' '.join(f'{try_server_code(rig, asker) if what == "(server)" else try_cell(rig, what, asker):<12}' for asker in ASKERS))


if __name__ == '__main__':
    sys.exit(show() if sys.argv[-1] == 'show' else suite.run(MatrixRig))
