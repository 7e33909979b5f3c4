#!/usr/bin/python3
"""The full screen's pins and its search: what is on the device and what the server alone has, in both sizes and languages. What people see is
left in build/screens/. See rig.py for the arguments."""
import datetime
import itertools
import re
import sys
import time

import wire
from screen_rig import LARGE, ScreenRig, row_with
from tap import Suite, expect, expect_equal

suite = Suite()
case = suite.case

KEY = 'The key is under the mat by the back door.'
TALE = 10500  # a client fetches 10,000 rows of a room by itself


def page(screen, key, past):
    """Pages until letters beyond that number are seen: down, or up."""
    def there(screen):
        seen = [int(number) for number in re.findall(r'letter (\d+) of', screen.text())]
        return seen and (max(seen) >= past if key == 'NPage' else min(seen) <= past) or screen.keys(key)
    screen.see(there, 30)


@case
def much_was_said(rig):
    """a talk that is so long that a new device has the newest rows alone"""
    rig.galka('alice', 'send', '@bob', 'See you at nine.')
    rig.galka('bob', 'send', '@alice', 'Then bread, milk and candles.', '--wait')
    rig.galka('alice', 'group', 'Jackdaw watchers', '@bob')
    rig.galka('bob', 'send', 'Jackdaw watchers', 'who has the key?', '--wait')
    alice = int(rig.galka_json('alice', 'whoami')[0]['user'])
    rig.tale = room = wire.personal_room(alice, rig.carol.user)
    with rig.main.joined(rig.carol) as carol:
        said = iter([KEY] + [f'letter {number} of the long tale' for number in range(TALE)] + ['and they stole buttons ever after.'])
        while texts := list(itertools.islice(said, 16)):
            written = carol.ask('write', {'operations': [{'id': wire.new_id(), 'kind': 1, 'text': text} for text in texts]}, room=room)
            expect_equal({outcome.get('status', 0) for outcome in written.body['outcomes']}, {0}, 'she writes')
    rig.galka('alice-two', '--server', f'127.0.0.1:{rig.main.port}', 'signin', 'alice', '--password-file', rig.password_file())
    expect_equal(len(rig.galka_json('alice-two', 'rooms')), 3, 'the new device has the rooms')


@case
def pins(rig):
    """the newest pin stands above the log for both of them, and all of them are a list, from which one jumps"""
    bob, alice = rig.screen('bob', '@alice'), rig.screen('alice', '@bob')
    for screen in (bob, alice):
        screen.see('bread, milk and candles')
        screen.see('●')
    bob.keys('F4')
    bob.see('Nothing is pinned here')
    bob.keys('Up')
    bob.see('p pin')
    bob.type('p')
    alice.see('▎Pinned  Then bread, milk and candles.')
    alice.keys('Up', 'Up')
    alice.type('p')
    bob.see('▎Pinned  See you at nine.')
    bob.see('2 · F4')
    bob.see(lambda screen: len(re.findall(r'pinned \d\d:', screen.text())) == 2)
    rig.keep(bob, 'pinned')
    bob.keys('F4')
    bob.see('Pinned messages')
    rig.keep(bob, 'pins')
    bob.keys('Down', 'Enter')
    bob.see_no('Pinned messages')
    bob.type('p')
    alice.see('1 · F4')
    expect('▎Pinned  See you at nine.' in alice.text(), f'the other stays:\n{alice.text()}')
    alice.type('\033[<0;50;2M\033[<0;50;2m')  # a press on the line goes there
    alice.type('p')
    bob.see_no('▎Pinned')
    for screen in (bob, alice):
        rig.escape(screen)
        rig.leave(screen)


@case
def far_away(rig):
    """a pinned message that is not on this device is fetched with what stands around it, and one reads on from there"""
    rig.galka('alice', 'pin-message', '@carol', '1', '--wait')
    alice = rig.screen('alice-two', '@carol')
    alice.see('stole buttons ever after')
    alice.see('▎Pinned  The key is under the mat')
    alice.keys('F4')
    alice.see('Pinned messages')
    alice.keys('Enter')
    alice.see(lambda screen: 'under the mat' in row_with(screen, 'back door') and 'letter 3 of' in screen.text())
    rig.keep(alice, 'pin-not-on-this-device')
    page(alice, 'NPage', 160)
    page(alice, 'PPage', 2)
    alice.see(lambda screen: alice.keys('PPage') or KEY in row_with(screen, 'back door'))
    rig.galka('alice', 'send', '@carol', 'while she reads old things', '--wait')
    with rig.main.joined(rig.carol) as carol:
        carol.write(rig.tale, 'while you read old things')
    alice.see('1 new message')
    expect(KEY in row_with(alice, 'back door'), 'what is read stays')
    alice.keys('C-End')
    alice.see('while you read old things')
    alice.see_no('End: to the newest')
    rig.escape(alice)
    rig.leave(alice)


@case
def a_member_does_not_pin(rig):
    """in a group it is its owner and admins who pin, and others are told so"""
    bob = rig.screen('bob')
    bob.see('Jackdaw watchers')
    bob.keys('C-k')
    bob.type('jack')
    bob.see('Go to a chat')
    bob.keys('Enter')
    bob.see('who has the key?')
    bob.keys('Up')
    bob.type('p')
    bob.see('In a group its owner and admins pin')
    rig.escape(bob)
    rig.leave(bob)


@case
def search(rig):
    """the server finds what this device does not have, here and everywhere, and one goes there"""
    alice = rig.screen('alice-two', '@carol')
    alice.see('while you read old things')
    alice.see('●')
    alice.keys('C-f')
    alice.see('Search in this chat')
    alice.type('keys MAT')
    alice.see('Carol · ')
    alice.see('The key is under the mat by the back')
    rig.keep(alice, 'search-server')
    alice.keys('Enter')
    alice.see(lambda screen: 'under the mat' in row_with(screen, 'back door') and 'letter 2 of' in screen.text())
    page(alice, 'NPage', 60)
    alice.keys('C-End')
    alice.see('while you read old things')
    alice.keys('C-f')
    alice.type('letter 5000')
    alice.see('letter 5000 of')
    alice.keys('Enter')
    alice.see(lambda screen: 'letter 5000' in row_with(screen, 'letter 5000') and 'letter 5003' in screen.text())
    rig.keep(alice, 'search-middle')
    alice.keys('C-f')
    alice.type('letter')
    alice.see('There are more')
    alice.see(lambda screen: min((int(number) for number in re.findall(r'letter (\d+) of', screen.text())), default=10500) <= 10430
              or alice.keys('NPage'))
    alice.keys('C-u')
    alice.type('key')
    alice.see('Carol · ')
    alice.keys('Tab')
    alice.see('Search in all chats')
    alice.see('who has the key?')
    alice.see('Jackdaw watchers · Bob')
    rig.keep(alice, 'search-everywhere')
    alice.keys('Down', 'Enter')  # the one of the group is the older one
    alice.see_no('Search in all chats')
    alice.see('▎Jackdaw watchers')
    expect('who has the key?' in row_with(alice, 'the key?'), f'it is there:\n{alice.text()}')
    rig.escape(alice)
    alice.keys('C-f')
    alice.type('rhinoceros')
    alice.see('Nothing found')
    alice.keys('C-u')
    alice.type('? !')
    time.sleep(0.6)
    expect('Search in this chat' in alice.text(), 'what has no word is no failure')
    rig.escape(alice)
    rig.escape(alice)
    rig.leave(alice)


@case
def a_date(rig):
    """a date in the search line goes to the first message of that day, or the nearest after it"""
    alice = rig.screen('alice-two', '@carol', size=LARGE)
    alice.see('while you read old things')
    alice.see('●')
    today = datetime.date.today()
    for form, goes in ((today.isoformat(), 'Go to Today'), ((today - datetime.timedelta(days=400)).strftime('%d.%m.%Y'), 'Go to')):
        alice.keys('C-f')
        alice.see('Search in this chat')
        alice.type(form)
        alice.see(goes)
        if goes == 'Go to Today':
            rig.keep(alice, 'search-date')
        alice.keys('Enter')
        alice.see(lambda screen: 'Search' not in screen.text() and KEY in row_with(screen, 'under the mat'))
        alice.keys('C-End')
        alice.see('while you read old things')
    alice.keys('C-f')
    alice.type((today + datetime.timedelta(days=3)).isoformat())
    alice.see('Go to')
    alice.keys('Enter')
    alice.see(lambda screen: 'Search' not in screen.text() and 'while you read' in row_with(screen, 'old things'))
    rig.escape(alice)
    rig.leave(alice)


@case
def offline(rig):
    """without a link it says so, searches what is here, and does not go where it cannot"""
    alice = rig.screen('alice-two', '@carol')
    alice.see('while you read old things')
    alice.see('▎Pinned')
    rig.main.stop()
    alice.see('No link')
    alice.keys('C-f')
    alice.type('hile you')
    alice.see('this is what is on this device')
    alice.see('while you read old things')
    rig.keep(alice, 'search-offline')
    alice.keys('C-u')
    alice.type('mat by')
    alice.see('once there is one')
    rig.escape(alice)
    alice.see_no('Search in this chat')
    alice.keys('F4')
    alice.see('Pinned messages')
    alice.keys('Enter')
    alice.see('That is not on this device')
    expect('while you read' in alice.text(), 'what is shown stays')
    rig.main.start()
    alice.see_no('No link', 30)
    alice.keys('F4')
    alice.see('Pinned messages')
    alice.keys('Enter')
    alice.see('letter 3 of')
    rig.escape(alice)
    rig.leave(alice)


@case
def in_russian(rig):
    """the same words in Russian, on a large screen"""
    alice = rig.screen('alice-two', '@carol', language='ru_RU.UTF-8', size=LARGE)
    alice.see('▎Закреплено')
    alice.keys('C-f')
    alice.see('Поиск в этом чате')
    alice.type('letter 17')
    alice.see('letter 17 of')
    rig.keep(alice, 'search-ru')
    rig.escape(alice)
    alice.see_no('Поиск в этом чате')
    alice.keys('F4')
    alice.see('Закреплённые сообщения')
    rig.keep(alice, 'pins-ru')
    rig.escape(alice)
    alice.see_no('Закреплённые сообщения')
    alice.keys('Up')
    alice.see('p закрепить')
    rig.escape(alice)
    rig.leave(alice)
    expect_equal(rig.galka_json('alice-two', 'outbox'), [], 'the outbox')


class FindRig(ScreenRig):
    options = ('--connection-frames', '100000', '--user-frames', '100000')

    def prepare(self):
        self.carol, = self.main.add_users('carol')


sys.exit(suite.run(FindRig))
