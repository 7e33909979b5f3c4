#!/usr/bin/python3
"""What the full screen says of people, and of the log's other lines: names that come by themselves, who reacted, what may be chosen.
See rig.py for the arguments."""
import sys
import time

from screen_rig import ScreenRig
from tap import Suite, expect, expect_equal, wait_until

suite = Suite()
case = suite.case


@case
def names_come_by_themselves(rig):
    """on a device that was just signed in the list calls people by their names before any chat is opened; who reacted is shown"""
    room = 'Jackdaw watchers'
    rig.galka('alice', 'group', room, '@bob')
    wait_until(lambda: any(line.get('name') == room for line in rig.galka_json('bob', 'rooms')), 'bob is in it')
    rig.galka('bob', 'send', '--wait', room, 'The buttons are back.')
    rig.galka('alice-2', '--server', f'127.0.0.1:{rig.main.port}', 'signin', 'alice', '--password-file', rig.password_file())
    alice = rig.screen('alice-2')
    alice.see('Bob: The')
    expect('somebody' not in alice.text(), 'nobody has a made-up name')
    seq = str(rig.galka_json('bob', 'history', room)[-1]['seq'])
    rig.galka('bob', 'react', '--wait', room, seq, '👍')
    alice.keys('Enter', 'Up')
    alice.see('👍 1')
    alice.type('i')
    alice.see('Bob  👍')
    found = [(one['user_name'], one['emoji']) for one in rig.galka_json('bob', 'reactors', room, seq)]
    expect_equal(found, [('bob', '👍')], 'who reacted')
    ids = {member['user_name']: member['user'] for member in rig.galka_json('bob', 'members', room)}
    expect_equal(rig.galka_json('bob', 'reactors', room, seq)[0]['user'], ids['bob'], 'his id is the one he has elsewhere')
    rig.escape(alice)
    rig.leave(alice)


@case
def only_messages_are_chosen(rig):
    """what else stands in the log is passed over, and what is said in the last line goes away by itself"""
    alice = rig.screen('alice')
    alice.see('●')
    alice.keys('C-g')
    alice.see('What the group is called')
    alice.type('Empty nest')
    alice.keys('Enter')
    alice.see('Invite to the group')
    rig.escape(alice)
    alice.see('You created the group “Empty nest”')
    alice.keys('Up')
    time.sleep(0.3)
    expect('Enter reply' not in alice.text(), 'there is no message to reply to')
    alice.type('The first word.')
    alice.keys('Enter')
    alice.see('✓')
    alice.keys('Up', 'Up')
    alice.see('Enter reply')
    alice.type('g')
    alice.see('It is no reply')
    alice.see_no('It is no reply', 15)
    alice.see('Enter reply')
    rig.escape(alice)
    rig.leave(alice)


sys.exit(suite.run(ScreenRig))
