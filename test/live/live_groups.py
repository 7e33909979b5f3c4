#!/usr/bin/python3
"""A group of three, by the commands of the terminal client. See rig.py for the arguments."""
import sys

from rig import Rig
from tap import Suite, expect, expect_equal, wait_until

suite = Suite()
case = suite.case


def rows(rig, profile, room='Birds'):
    return rig.galka_json(profile, 'history', room)


def roles(rig, profile):
    return {member['user_name']: member['role'] for member in rig.galka_json(profile, 'members', 'Birds')}


@case
def made(rig):
    """a group is made, and whoever is invited has it under its title"""
    rig.galka('alice', 'group', 'Birds', '@bob', '@carol')
    for profile in ('alice', 'bob', 'carol'):
        room, = [room for room in rig.galka_json(profile, 'rooms') if room['name'] == 'Birds']
        expect_equal(room['members'], 3, f'members, for {profile}')
        expect_equal(room['role'], 'owner' if profile == 'alice' else 'member', f'role of {profile}')
    rig.galka('bob', 'send', 'Birds', 'hello all')
    last = rows(rig, 'carol')[-1]
    expect_equal((last['text'], last['sender_name']), ('hello all', 'bob'), 'what carol sees')
    expect_equal(roles(rig, 'carol'), {'alice': 'owner', 'bob': 'member', 'carol': 'member'}, 'members')


@case
def rights(rig):
    """who has no right to it is told so, and nothing is done"""
    rig.galka('bob', 'title', 'Birds', 'Mine', code=1)
    rig.galka('bob', 'remove', 'Birds', '@carol', code=1)
    rig.galka('bob', 'role', 'Birds', '@bob', 'owner', code=1)
    rig.galka('dave', 'join', '01a2291c-a9aa-7483-9a88-e69e0b681e78/' + 32 * '0', code=1)
    rig.galka('dave', 'join', 'guess', code=2)
    for left in rig.galka_json('bob', 'outbox'):
        rig.galka('bob', 'discard', left['id'])
    expect_equal(roles(rig, 'alice'), {'alice': 'owner', 'bob': 'member', 'carol': 'member'}, 'members')


@case
def ticks(rig):
    """a message has two ticks when everybody has it, and who has read it can be asked"""
    tail = rig.galka_start('carol', '--json', 'tail')
    rig.galka('bob', 'rooms')
    rig.galka('alice', 'send', 'Birds', 'who has it?')
    seq = rows(rig, 'alice')[-1]['seq']
    wait_until(lambda: any(row.get('text') == 'who has it?' for row in tail.json()), 'carol gets it')
    expect_equal(rows(rig, 'alice')[-1]['state'], 'sent', 'bob is away')
    bobs = rig.galka_start('bob', '--json', 'tail')
    wait_until(lambda: rows(rig, 'alice')[-1]['state'] != 'sent', 'now he has it')
    bobs.signal(15)
    expect_equal(bobs.wait(), 0, "exit code of bob's tail")
    readers = [member['user_name'] for member in rig.galka_json('alice', 'readers', 'Birds', str(seq))]
    expect('alice' not in readers, f'the sender is no reader: {readers}')
    tail.signal(15)
    expect_equal(tail.wait(), 0, 'exit code of tail')


@case
def receipts(rig):
    """who has receipts off is nobody's reader and holds back nobody's ticks, and has one tick himself"""
    def state(profile, text):
        return [row for row in rows(rig, profile) if row.get('text') == text][-1]['state']

    expect_equal(rig.galka_json('carol', 'receipts')[0]['value'], 'on', 'so it is at first')
    expect_equal(rig.galka('carol', 'receipts', 'off'), '✓ done\n', 'for people')
    rig.galka('carol', 'receipts', 'perhaps', code=2)
    rig.galka('alice', 'send', 'Birds', 'and now?')
    seq = [row for row in rows(rig, 'alice') if row.get('text') == 'and now?'][0]['seq']
    rig.galka('bob', 'chat', 'Birds', stdin='I read it\n')
    wait_until(lambda: state('alice', 'and now?') == 'read', 'all who count have read it')
    rig.galka('carol', 'chat', 'Birds', stdin='so do I\n')
    rig.galka('bob', 'chat', 'Birds', stdin='we know\n')
    readers = [member['user_name'] for member in rig.galka_json('alice', 'readers', 'Birds', str(seq))]
    expect_equal(readers, ['bob'], 'readers')
    expect_equal(rig.galka_json('carol', 'readers', 'Birds', str(seq)), [], 'nor is she told of others')
    expect_equal(state('carol', 'so do I'), 'sent', 'her own ticks')
    rig.galka('carol', 'receipts', 'on', '--wait')
    rig.galka('alice', 'send', 'Birds', 'again?')
    rig.galka('bob', 'chat', 'Birds', stdin='again\n')
    expect(state('alice', 'again?') != 'read', 'carol counts again')
    rig.galka('carol', 'chat', 'Birds', stdin='me too\n')
    wait_until(lambda: state('alice', 'again?') == 'read', 'and has read it')


@case
def mentions(rig):
    """how often one is mentioned in what is unread is counted up to nine, in any form of one's name, and no more once it is read"""
    group = rig.galka_json('alice', 'group', 'Callers', '@bob')[0]['room']
    line = lambda: [room for room in rig.galka_json('bob', 'rooms') if room['room'] == group][0]
    for text in ('hello', '@bob?', '@BOB and @bob', 'bob', '@bobby', 'mail@bob.example', '(@Bob)'):
        rig.galka('alice', 'send', group, text)
    wait_until(lambda: line()['unread'] == 7, 'all of them are there')
    expect_equal((line()['mentions'], line()['mentions_more']), (3, False), 'three messages')
    expect('7 unread, 3 with your name' in rig.galka('bob', 'rooms'), 'for people')
    number = str(rig.galka_json('bob', 'history', group)[-1]['seq'])
    rig.galka('alice', 'edit', group, number, 'nobody', '--wait')
    wait_until(lambda: line()['mentions'] == 2, 'what is edited counts as it is')
    for _ in range(8):
        rig.galka('alice', 'send', group, '@bob!')
    wait_until(lambda: (line()['mentions'], line()['mentions_more']) == (9, True), 'nine, and more')
    expect('9+ with your name' in rig.galka('bob', 'rooms'), 'for people, more')
    rig.galka('bob', 'chat', group, stdin='I read that\n')
    wait_until(lambda: line()['unread'] == 0, 'he has read them')
    expect('mentions' not in line(), f'then there are none: {line()}')


@case
def left(rig):
    """who left sees nothing that came after, and comes back by the link; who was removed does not"""
    rig.galka('alice', 'link', 'Birds', 'new')
    link = rig.galka('alice', 'link', 'Birds').strip()
    rig.galka('bob', 'link', 'Birds', code=1)
    rig.galka('carol', 'leave', 'Birds')
    rig.galka('bob', 'send', 'Birds', 'without carol')
    expect_equal(rows(rig, 'carol')[-1]['kind'], 'left', 'the last that carol sees')
    rig.galka('carol', 'send', 'Birds', 'still here?', code=1)
    rig.galka('carol', 'join', link)
    rig.galka('bob', 'send', 'Birds', 'with carol')
    texts = [row['text'] for row in rows(rig, 'carol')]
    expect('with carol' in texts and 'without carol' not in texts, f'what carol has: {texts}')
    rig.galka('alice', 'remove', 'Birds', '@carol')
    rig.galka('carol', 'join', link, code=1)
    rig.galka('alice', 'link', 'Birds', 'off')
    rig.galka('dave', 'join', link, code=1)


@case
def handed_over(rig):
    """the last owner leaves, and the room has another"""
    rig.galka('alice', 'role', 'Birds', '@bob', 'admin')
    rig.galka('alice', 'leave', 'Birds')
    expect_equal(roles(rig, 'bob'), {'bob': 'owner'}, 'members')
    rig.galka('bob', 'title', 'Birds', 'Owls')
    expect('Owls' in rig.galka('bob', 'rooms'), 'it has another title')


@case
def deleted(rig):
    """who deletes an account leaves every group, and the others inherit it; a server that is killed goes on with that when it is back"""
    made = [rig.galka_json('dave', 'group', f'Group {number}', '@bob')[0]['room'] for number in range(40)]
    rig.galka('dave', 'delete-account', '--password-file', rig.password_file())
    rig.main.kill()
    rig.main.start()
    ours = lambda: [room for room in rig.galka_json('bob', 'rooms') if room['room'] in made]
    wait_until(lambda: len(ours()) == len(made) and all((room['members'], room['role']) == (1, 'owner') for room in ours()),
               'bob has all the groups for himself', 120)
    last = rig.galka_json('bob', 'history', made[0])[-1]
    expect_equal((last['kind'], last['sender_name']), ('left', '-deleted-'), 'the last row')
    expect_equal([member['user_name'] for member in rig.galka_json('bob', 'members', made[-1])], ['bob'], 'members')
    rig.main.stop()
    rig.main.check()
    rig.main.start()


class GroupsRig(Rig):
    def __enter__(self):
        self.main = self.server('--dev', '--user-frames', '100000').start()  # a test asks again and again
        for name in ('alice', 'bob', 'carol', 'dave'):
            self.sign_up(self.main, name)
        return self


sys.exit(suite.run(GroupsRig))
