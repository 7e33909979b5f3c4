#!/usr/bin/python3
"""The full screen under tmux, as people use it: two and three of them, both sizes, both languages. What they see is left in
build/screens/. See rig.py for the arguments."""
import os
import re
import signal
import sys
import time
import uuid

import wire
from rig import PASSWORD
from screen_rig import LARGE, SMALL, ScreenRig, row_with
from tap import Suite, expect, expect_equal, wait_until

suite = Suite()
case = suite.case

EYE = '38;5;117'  # the colour of read ticks on a dark ground


def has_tick(text, tick):
    """Is that the tick behind the text's time, in its own line or below?"""
    def check(screen):
        chat = '\n'.join(line.split('│')[1] if '│' in line else '' for line in screen.text().split('\n'))
        found = re.search(re.escape(text) + r'.*?\d\d:\d\d (\S+)', chat, re.DOTALL)
        return found is not None and found[1] == tick
    return check


@case
def sign_up_and_first_words(rig):
    """without an account the screen leads to one; then people are found and talked to"""
    carol = rig.screen('carol', '--server', f'127.0.0.1:{rig.main.port}')
    carol.see('Welcome to Galka')
    rig.keep(carol, 'welcome')
    carol.keys('Down', 'Enter')
    carol.see('Create an account')
    for answer in ('not an address', None, 'carol@example.org', 'c', None, 'carol', 'Carol', 'short', None, PASSWORD):
        if answer is None:
            carol.see(lambda screen: 'That is no e-mail' in screen.text() or 'A user name:' in screen.text()
                      or 'at least 8 bytes' in screen.text())
            carol.keys('C-u')
        else:
            carol.type(answer)
            time.sleep(0.1)
            if answer == PASSWORD:
                rig.keep(carol, 'sign-up')
            carol.keys('Enter')
    carol.see('Invitation')
    carol.keys('Enter')  # none is needed here
    carol.see('The code from the mail')
    expect(PASSWORD not in carol.text(), 'the password is not shown')
    carol.type('000000')
    carol.keys('Enter')
    carol.see('Wrong or expired code')
    carol.keys('C-u')
    carol.type(rig.main.code_for('carol@example.org'))
    carol.keys('Enter')
    carol.see('No chats yet')
    rig.keep(carol, 'first-start')
    carol.keys('C-n')
    carol.see('beginning of a name')
    carol.type('al')
    carol.see('@alice')
    carol.keys('Enter')
    carol.see('Nothing was said')
    carol.type('Hello Alice, here is Carol.')
    carol.keys('Enter')
    carol.see(has_tick('Hello Alice, here is Carol.', '✓'))
    rig.leave(carol)
    rig.galka('alice', 'rooms')


@case
def two_talk(rig):
    """lines cross, ticks rise to read and get their colour, unread ones are counted and marked"""
    alice, bob = rig.screen('alice'), rig.screen('bob')
    bob.see('●')
    alice.see('Carol')
    alice.keys('C-n')
    alice.see('beginning of a name')
    alice.type('bo')
    alice.see('@bob')
    alice.keys('Enter')
    alice.see('Nothing was said')
    alice.type('Did you see the jackdaws on the roof?')
    alice.keys('Enter')
    alice.see(has_tick('jackdaws on the roof', '✓✓'))
    bob.see(' 1 ')
    expect(EYE not in alice.style_before('✓✓'), 'delivered is not read')
    rig.keep(bob, 'unread-in-the-list')
    bob.keys('Enter')
    bob.see('New messages')
    bob.see('online')
    bob.see(lambda screen: alice.type('N') or 'typing…' in screen.text())  # it is told now and then, to whoever has the room open by then
    alice.keys('C-u')
    alice.see(lambda screen: EYE in screen.style_before('✓✓'))
    bob.type('Four of them,')
    bob.keys('M-Enter')
    bob.type('and one that steals buttons.')
    bob.see('› Four of them,')
    bob.keys('Enter')
    alice.see('and one that steals buttons.')
    bob.see(lambda screen: EYE in screen.style_before('✓✓'))
    bob.see_no('New messages')
    for number in range(3):
        alice.type(f'line {number}')
        alice.keys('Enter')
    bob.see('line 2')
    rig.keep(alice, 'talk-small')
    alice.resize(*LARGE)
    alice.see('About')
    rig.keep(alice, 'talk-large')
    alice.resize(5, 20)
    alice.see('›')
    rig.keep(alice, 'talk-tiny')
    alice.resize(*SMALL)
    alice.see('galka')
    rig.leave(alice)
    bob.see('last seen just now', 60)
    rig.keep(bob, 'last-seen')
    rig.leave(bob)


@case
def both_languages_and_settings(rig):
    """Russian by the system's language; settings change it, the ground and the colours, and stay"""
    alice = rig.screen('alice', language='ru_RU.UTF-8', size=LARGE)
    alice.see('галка')
    alice.keys('Enter')
    alice.see('Сообщение')
    rig.keep(alice, 'talk-large-ru')
    alice.keys('F1')
    alice.see('перейти в чат по имени')
    rig.keep(alice, 'help-large-ru')
    rig.escape(alice)
    alice.resize(*SMALL)
    alice.see_no('Клавиши')
    rig.keep(alice, 'talk-small-ru')
    alice.keys('F2')
    alice.see('Настройки')
    rig.keep(alice, 'settings-ru')
    alice.keys('Right')
    alice.see('Settings')
    alice.keys('Down', 'Right', 'Right')
    alice.see('light')
    rig.keep(alice, 'settings-light')
    rig.escape(alice)
    alice.see_no('Settings')
    rig.keep(alice, 'talk-light')
    rig.leave(alice)
    alice = rig.screen('alice', language='ru_RU.UTF-8')
    alice.see('Notes' if alice.line_with('Notes') else 'galka')
    alice.keys('F2')
    alice.see('English')
    alice.keys('Left', 'Down', 'Left', 'Left')
    alice.see('Настройки')
    rig.leave(alice)


@case
def without_colours(rig):
    """NO_COLOR and vt100 show the same by attributes alone; eight colours do"""
    for name, changes in (('no-color', {'NO_COLOR': '1'}), ('vt100', {'TERM': 'vt100'}), ('eight-colours', {'TERM': 'xterm'})):
        alice = rig.screen('alice', environment=changes)
        alice.see('Bob')
        alice.keys('C-k')
        alice.type('bob')
        alice.see('@bob')
        alice.keys('Enter')
        alice.see('steals buttons')
        rig.keep(alice, name)
        coloured = alice.coloured()
        if name != 'eight-colours':
            colours = [found for found in re.findall(r'\033\[([0-9;]*)m', coloured)
                       if any(word[:1] in '34' and len(word) == 2 and word not in ('39', '49') for word in found.split(';'))]
            expect(not colours, f'no colours with {changes}: {colours}')
            expect('✔✔' in alice.text() or name == 'vt100', f'read ticks are told apart without colours:\n{alice.text()}')
        rig.leave(alice)


@case
def offline_and_back(rig):
    """without a link a banner says so, what is written waits, and is sent once there is one"""
    alice = rig.screen('alice')
    alice.see('●')
    alice.keys('C-k')
    alice.type('bob')
    alice.see('@bob')
    alice.keys('Enter')
    alice.see('steals buttons')
    rig.main.stop()
    alice.see('No link')
    alice.see('○ offline')
    alice.type('written in the tunnel')
    alice.keys('Enter')
    alice.see(has_tick('written in the tunnel', '…'))
    alice.see('1 waiting')
    rig.keep(alice, 'offline')
    alice.type('half a sente')
    rig.main.start()
    alice.see(has_tick('written in the tunnel', '✓'), 30)
    alice.see_no('No link')
    alice.see_no('offline')
    expect('half a sente' in alice.text(), 'what is being typed stays')
    alice.keys('C-u')
    rig.leave(alice)


@case
def failed_and_retried(rig):
    """what the server refuses is shown with its reason, and can be forgotten"""
    me = int(rig.galka_json('alice', 'whoami')[0]['user'])
    nobody = str(uuid.UUID(bytes=wire.personal_room(me, 12345)))
    rig.galka('alice', 'send', nobody, 'to nobody at all', code=None)
    alice = rig.screen('alice', nobody)
    alice.see('Not sent')
    alice.keys('Up')
    alice.see('send again')
    rig.keep(alice, 'failed')
    alice.keys('Enter')
    alice.see_no('send again')
    alice.see('Not sent')
    alice.keys('Up')
    alice.see('discard')
    alice.type('d')
    alice.see_no('to nobody at all')
    expect_equal(rig.galka_json('alice', 'outbox'), [], 'the outbox')
    rig.leave(alice)


@case
def long_history(rig):
    """a new device shows the newest and fetches what is older as one scrolls; search finds and jumps"""
    for number in range(0, 240, 8):
        lines = '\n'.join(f'letter {number + i} of the long tale' for i in range(8))
        rig.galka('bob', 'chat', '@alice', stdin=lines + '\n')
    alice = rig.screen('alice-two', '--server', f'127.0.0.1:{rig.main.port}')
    alice.see('Welcome')
    alice.keys('Enter')
    alice.see('User name or e-mail')
    alice.type('alice')
    alice.keys('Enter')
    alice.type('wrong password')
    alice.keys('Enter')
    alice.see('Wrong name or password')
    alice.keys('C-u')
    alice.type(PASSWORD)
    alice.keys('Enter')
    alice.see('letter 239')
    alice.keys('Enter')
    alice.see('of the long tale')
    alice.keys('C-End')
    alice.see(lambda screen: 'letter 239' in row_with(screen, 'letter 239'))
    for _ in range(80):
        alice.keys('PPage')
        if 'Did you see the jackdaws' in alice.text():
            break
        time.sleep(0.1)
    alice.see('Did you see the jackdaws')
    alice.see('End: to the newest')
    rig.keep(alice, 'scrolled-up')
    rig.galka('bob', 'send', '@alice', 'while you read old things')
    alice.see('1 new message')
    expect('Did you see the jackdaws' in alice.text(), 'what is read does not move')
    alice.keys('C-End')
    alice.see(lambda screen: 'while you read' in row_with(screen, 'while you read'))
    alice.keys('C-f')
    alice.see('Search in this chat')
    alice.type('LETTER 42 ')
    alice.see('letter 42 of')
    rig.keep(alice, 'search')
    alice.keys('Enter')
    alice.see(lambda screen: 'letter 42 of' in row_with(screen, 'letter 42 of') and 'Search' not in screen.text())
    rig.keep(alice, 'search-hit')
    rig.escape(alice)
    rig.leave(alice)


@case
def what_one_does_to_a_message(rig):
    """a chosen message is replied to, edited and deleted for everybody, and both see it"""
    alice, bob = rig.screen('alice', '@bob'), rig.screen('bob', '@alice')
    bob.see('●')
    alice.see('●')
    alice.type('Where do the jackdaws slep?')
    alice.keys('Enter')
    bob.see('jackdaws slep?')
    bob.keys('Up')
    bob.see('Enter reply')
    bob.keys('Enter')
    bob.see('Reply to Alice: Where do the jackdaws slep?')
    bob.type('In the tower.')
    rig.keep(bob, 'reply-typed')
    bob.keys('Enter')
    bob.see_no('Reply to')
    alice.see('▎You: Where do the jackdaws slep?')
    rig.keep(alice, 'reply')
    alice.keys('Up', 'Up')
    alice.type('e')
    alice.see('Another text for:')
    alice.keys('BSpace', 'BSpace', 'BSpace')
    alice.type('eep?')
    alice.keys('Enter')
    bob.see('Where do the jackdaws sleep?')
    bob.see('edited')
    bob.see('▎Alice: Where do the jackdaws sleep?')
    bob.keys('Up', 'Up')
    bob.type('e')
    bob.see('cannot be done')
    bob.keys('Down')
    bob.type('g')
    time.sleep(0.3)
    rig.escape(bob)
    alice.keys('Up', 'Up')
    alice.type('d')
    alice.see('Delete it for everybody?')
    rig.keep(alice, 'delete')
    alice.keys('Down', 'Enter')
    alice.see('A message was deleted')
    bob.see('A message was deleted')
    bob.see('▎Alice: a deleted message')
    rig.keep(bob, 'reply-to-deleted')
    for screen in (alice, bob):
        rig.escape(screen)
        rig.leave(screen)


@case
def reactions_and_forwarding(rig):
    """a chosen message is reacted to, counted with one's own, and forwarded with its author's name"""
    alice, bob = rig.screen('alice', '@bob'), rig.screen('bob', '@alice')
    bob.see('●')
    alice.see('●')
    bob.type('They sleep in the bell.')
    bob.keys('Enter')
    alice.see('in the bell')
    alice.keys('Up')
    alice.type('a')
    alice.see('Choose one, or type another')
    alice.keys('Down', 'Down', 'Enter')
    bob.see('😂 1')
    alice.see('[😂 1]')
    rig.keep(alice, 'reaction')
    bob.keys('Up')
    bob.type('a')
    bob.see('Choose one, or type another')
    bob.type('😂')
    bob.keys('Enter')
    alice.see('[😂 2]')
    alice.type('a')
    alice.see('take it back')
    rig.keep(alice, 'react')
    alice.keys('End')
    rig.escape(alice)
    alice.type('f')
    alice.see('Forward to a chat')
    alice.type('note')
    alice.keys('Enter')
    alice.see('Forwarded')
    rig.escape(alice)
    rig.escape(bob)
    for screen in (alice, bob):
        rig.escape(screen)
        rig.leave(screen)
    alice = rig.screen('alice', 'me')
    alice.see('Forwarded from')
    rig.keep(alice, 'forwarded')
    rig.leave(alice)


@case
def a_group_of_three(rig):
    """a group is made, people are invited, talk under their names, see who has read, get roles, and leave"""
    alice, bob, carol = rig.screen('alice', size=LARGE), rig.screen('bob'), rig.screen('carol')
    for screen in (alice, bob, carol):
        screen.see('●')
    alice.keys('C-g')
    alice.see('What the group is called')
    alice.type('Jackdaw watchers')
    alice.keys('Enter')
    for name in ('bob', 'carol'):
        alice.see('Invite to the group')
        alice.type(name)
        alice.see(f'@{name}')
        alice.keys('Enter')
        alice.see(f'{name.capitalize()} joined, invited by you')
    rig.escape(alice)
    alice.see('3 members')
    alice.see('owner')
    for screen in (bob, carol):
        screen.see('Jackdaw watchers')
        screen.keys('C-k')
        screen.type('jack')
        screen.see('Go to a chat')
        screen.keys('Enter')
        screen.see('joined, invited by Alice')
    alice.type('Who saw the one with the ring?')
    alice.keys('Enter')
    bob.see('one with the ring?')
    alice.see(has_tick('one with the ring?', '✓✓'))
    bob.type('I did, on the lamp post.')
    bob.keys('Enter')
    carol.see('on the lamp post')
    expect('Bob' in carol.text() and 'Alice' in carol.text(), 'names stand over the bubbles')
    carol.type('@bo')
    carol.keys('Tab')
    carol.see('› @bob')
    carol.keys('C-u')
    carol.type('Me too.')
    carol.keys('Enter')
    alice.see('Me too.')
    rig.escape(bob)
    bob.keys('C-k')
    bob.type('alice')
    bob.see('@alice')
    bob.keys('Enter')
    carol.type('Was it the one with the ring, @Bob?')
    carol.keys('Enter')
    bob.see(' @1   1 ')
    rig.keep(bob, 'mentioned')
    bob.keys('C-k')
    bob.type('jack')
    bob.see('Go to a chat')
    bob.keys('Enter')
    bob.see('▎Was it the one')
    bob.see_no(' @1 ')
    carol.type('Me too.')
    carol.keys('Enter')
    rig.keep(alice, 'group-large')
    rig.keep(carol, 'group-small')
    alice.keys('Up', 'Up', 'Up')
    alice.type('i')
    alice.see('Who has read it')
    alice.see(lambda screen: screen.text().count('has read it') >= 3)
    rig.keep(alice, 'who-has-read')
    rig.escape(alice)
    rig.escape(alice)
    for screen in (alice, bob, carol):
        rig.leave(screen)


@case
def a_group_changes(rig):
    """roles, the title, leaving, the link: each is news to all of them"""
    alice, bob, carol = rig.screen('alice', size=LARGE), rig.screen('bob'), rig.screen('carol')
    for screen in (alice, bob, carol):
        screen.see('Me too.')
        screen.keys('C-k')
        screen.type('jack')
        screen.see('Go to a chat')
        screen.keys('Enter')
        screen.see('on the lamp post')
    alice.keys('F3')
    alice.see('i invite')
    alice.keys('Down')
    alice.type('r')
    alice.see('is an admin now')
    alice.type('t')
    alice.see('Another title')
    alice.keys('C-u')
    alice.type('Watchers of jackdaws')
    alice.keys('Enter')
    bob.see('The group is now called “Watchers of jackdaws”')
    alice.see('The group is now called “Watchers of jackdaws” (you)')
    carol.keys('F3')
    carol.see('l leave')
    rig.keep(carol, 'group-members')
    carol.type('l')
    carol.see('Leave the group?')
    carol.keys('Down', 'Enter')
    carol.see('You are not in this chat any more')
    carol.see('You left the group')
    bob.see('Carol left the group')
    rig.keep(bob, 'group-news')
    alice.keys('F3')
    alice.see('i invite')
    alice.type('k')
    alice.see('The link is copied')
    link = re.search(r'[0-9a-f-]{36}/[0-9a-f]{32}\b', alice.text())
    expect(link, f'the link:\n{alice.text()}')
    for screen in (alice, bob, carol):
        rig.leave(screen)


@case
def rooms_by_keys_and_mouse(rig):
    """Alt and arrows, Ctrl+K and clicks go from room to room; drafts stay in theirs"""
    alice = rig.screen('alice')
    alice.see('Bob')
    alice.see('Carol')
    alice.keys('Enter')
    alice.see('steals buttons' if alice.line_with('steals buttons') else '›')
    alice.type('a draft for the first')
    alice.keys('M-Down')
    alice.see_no('a draft for the first')
    alice.keys('M-Up')
    alice.see('a draft for the first')
    alice.keys('C-k')
    alice.type('car')
    alice.see('@carol')
    rig.keep(alice, 'switcher')
    alice.keys('Enter')
    alice.see('here is Carol')
    alice.type('\033[<0;5;2M\033[<0;5;2m')  # the first in the list
    alice.see('a draft for the first')
    alice.keys('C-u')
    alice.paste('pasted\nin two lines')
    alice.see('› pasted')
    expect('in two lines' in alice.text(), 'a paste is not sent by its line end')
    alice.keys('C-u', 'C-h', 'C-u')
    rig.leave(alice)


@case
def terminal_is_given_back(rig):
    """after leaving, after signals and crashes the terminal is as it was"""
    for how, code in (('C-q', 0), (signal.SIGTERM, 0), (signal.SIGHUP, 0), (signal.SIGSEGV, 139), (signal.SIGABRT, 134)):
        alice = rig.screen('alice')
        alice.see('Bob')
        if isinstance(how, str):
            alice.keys(how)
        else:
            os.kill(alice.program(), how)
        alice.see('ended with' if rig.sanitized else f'ended with {code}')
        alice.see('speed')
        text = alice.text()
        expect('icanon' in text and '-icanon' not in text and '-echo ' not in text, f'stty after {how}:\n{text}')
        expect('Bob' not in text, f'the screen after {how}:\n{text}')
        alice.end()


@case
def stopped_and_continued(rig):
    """Ctrl+Z gives the terminal back and fg brings the screen again, with what was being typed and what came meanwhile"""
    alice = rig.screen('alice', '@bob')
    alice.see('Message')
    alice.type('half a sente')
    alice.see('half a sente')
    alice.keys('C-z')
    alice.see('ended with 148')
    alice.see('speed')
    expect('half a sente' not in alice.text() and '-icanon' not in alice.text(), f'the terminal is given back:\n{alice.text()}')
    rig.galka('bob', 'send', '@alice', 'said while she was stopped')
    alice.type('fg\r')
    alice.see('half a sente')
    alice.see('said while she was stopped', 30)
    alice.type('nce')
    alice.see('half a sentence')
    alice.keys('C-u', 'C-q')
    alice.see('ended again with 0')


sys.exit(suite.run(ScreenRig))
