#!/usr/bin/python3
"""How people keep their rooms: mute, archive, pin, drafts, on two devices of one user; by commands, and on the full screen. What they see is
left in build/screens/. See rig.py for the arguments."""
import os
import sys
import time

from screen_rig import LARGE, SMALL, ScreenRig
from tap import Suite, expect, expect_equal, wait_until

suite = Suite()
case = suite.case


def room_of(rig, profile, name):
    found, = [room for room in rig.galka_json(profile, 'rooms') if room['name'] == name]
    return found


def names(rig, profile):
    return [room['name'] for room in rig.galka_json(profile, 'rooms')]


def comes(rig, profile, name, **wanted):
    """That device has it so, in a moment."""
    def is_so():
        room = room_of(rig, profile, name)
        return all(room.get(key) == value for key, value in wanted.items())
    wait_until(is_so, f'{profile} has {name} as {wanted}')


@case
def on_all_devices(rig):
    """what one device sets, the other has: mute, pin, archive, draft; and takes away again"""
    for name in ('bob', 'carol'):
        rig.galka(name, 'send', '@alice', f'here is {name}')
    wait_until(lambda: names(rig, 'laptop') == ['@carol', '@bob'], 'both rooms are there, the latest first')
    said, = rig.galka_json('alice', 'mute', '@bob')
    expect_equal((said['setting'], said['value'], said['state']), ('mute', 'forever', 'sent'), 'what it says')
    comes(rig, 'laptop', '@bob', muted=True, muted_until_ms=None)
    expect_equal(rig.galka('laptop', 'mute', '@bob', '8h'), '✓ done\n', 'for people')
    left = room_of(rig, 'alice', '@bob')['muted_until_ms'] - time.time() * 1000
    expect(7.9 * 3600e3 < left <= 8 * 3600e3, f'eight hours from now, not {left}')
    rig.galka('alice', 'pin-room', '@bob')
    wait_until(lambda: names(rig, 'laptop') == ['@bob', '@carol'], 'the pinned one stands first')
    rig.galka('alice', 'draft', '@carol', 'Dear Carol,')
    expect_equal(rig.galka('laptop', 'draft', '@carol'), 'Dear Carol,\n', 'the draft')
    comes(rig, 'laptop', '@carol', draft='Dear Carol,')
    lines = rig.galka('laptop', 'rooms').splitlines()
    expect('pinned  muted' in lines[0] and 'draft: Dear Carol,' in lines[1], f'for people: {lines}')
    # Notes are not among the rooms because of that, nor do settings stand in a log.
    rig.galka('alice', 'send', 'me', 'a note')
    for command in (('history', 'me'), ('around', 'me', '1')):
        expect_equal([row['text'] for row in rig.galka_json('laptop', *command)], ['a note'], f'{command}')
    expect_equal(rig.galka_json('alice', 'search', 'dear'), [], 'no search finds a draft')
    for words in (('mute', '@bob'), ('pin-room', '@bob')):
        rig.galka('laptop', *words, 'off')
    rig.galka('laptop', 'draft', '@carol', '')
    comes(rig, 'alice', '@bob', muted=None, pinned=None)
    comes(rig, 'alice', '@carol', draft=None)


@case
def archive(rig):
    """what is archived stands last until something new comes; a muted one stays there"""
    rig.galka('alice', 'archive', '@carol')
    comes(rig, 'laptop', '@carol', archived=True)
    expect_equal(names(rig, 'laptop')[-1], '@carol', 'it stands last')
    rig.galka('carol', 'send', '@alice', 'knock knock')
    comes(rig, 'laptop', '@carol', archived=None)
    expect_equal(names(rig, 'laptop')[0], '@carol', 'it is back, first')
    rig.galka('alice', 'mute', '@carol')
    rig.galka('alice', 'archive', '@carol')
    rig.galka('carol', 'send', '@alice', 'is anybody there?')
    wait_until(lambda: room_of(rig, 'laptop', '@carol')['unread'] == 3, 'it has arrived')
    expect(room_of(rig, 'laptop', '@carol').get('archived'), 'and it is in the archive still')
    rig.galka('laptop', 'mute', '@carol', 'off')
    comes(rig, 'alice', '@carol', archived=None)
    rig.galka('alice', 'mute', '@carol')
    comes(rig, 'laptop', '@carol', muted=True, archived=None)  # muted again it is not put away again
    rig.galka('alice', 'mute', '@carol', 'off')


@case
def wrong_words(rig):
    """what is no time, no switch, no room is said so"""
    for words in (('mute', '@bob', '8'), ('mute', '@bob', '8y'), ('mute', '@bob', '0h'), ('pin-room', '@bob', 'on'), ('archive', 'nowhere')):
        rig.galka('alice', *words, code=2)
    rig.galka('alice', 'draft', '@bob', 'x' * 20000, code=1)
    expect_equal(room_of(rig, 'alice', '@bob').get('muted'), None, 'nothing was set')


@case
def without_a_link(rig):
    """without a link it counts here at once, and the last one goes out alone"""
    rig.main.stop()
    expect('later' in rig.galka('alice', 'draft', '@bob', 'On the tr'), 'it says so')
    rig.galka('alice', 'draft', '@bob', 'On the train')
    expect_equal(rig.galka('alice', 'draft', '@bob'), 'On the train\n', 'here it is')
    rig.main.start()
    rig.galka('alice', 'rooms')
    wait_until(lambda: rig.galka('laptop', 'draft', '@bob') == 'On the train\n', 'there it is')
    rig.galka('laptop', 'draft', '@bob', '')


@case
def beside_a_leader(rig):
    """beside a galka that leads the profile, it is that one that sets it"""
    tail = rig.galka_leader('alice', '--json', 'tail')
    rig.galka('alice', 'pin-room', '@carol', '--wait')
    comes(rig, 'laptop', '@carol', pinned=room_of(rig, 'alice', '@carol')['pinned'])
    expect_equal(names(rig, 'alice')[0], '@carol', 'who only looks on sees it, too')
    tail.signal(15)
    expect_equal(tail.wait(), 0, 'exit code of tail')
    rig.galka('laptop', 'pin-room', '@carol', 'off')
    comes(rig, 'alice', '@carol', pinned=None)


def line_of(screen, name):
    """The list's first line with the name."""
    return next((number for number, line in enumerate(screen.text().split('\n')) if name in line.split('│')[0]), None)


@case
def on_the_screen(rig):
    """p pins, m mutes, a archives: on both screens; Tab shows the archive"""
    alice, laptop = rig.screen('alice'), rig.screen('laptop', language='ru_RU.UTF-8')
    for screen in (alice, laptop):
        screen.see('●')
        screen.see('Carol')
    expect(line_of(alice, 'Carol') < line_of(alice, 'Bob'), 'Carol was the last to write')
    alice.keys('Down')
    rig.pick(alice, 'Bob')
    alice.keys('p')
    for screen in (alice, laptop):
        screen.see('Bob ▲')
        screen.see(lambda screen: line_of(screen, 'Bob') < line_of(screen, 'Carol'))
    alice.see('stands above')
    rig.pick(alice, 'Carol')
    alice.keys('m')
    alice.see('for 8 hours')
    rig.keep(alice, 'mute')
    alice.keys('Down', 'Enter')
    for screen in (alice, laptop):
        screen.see(lambda screen: line_of(screen, '⊘') == line_of(screen, 'Carol'))
    rig.galka('carol', 'send', '@alice', 'you do not hear me')
    alice.see('you do not hear me')
    expect('48;5;215' not in alice.style_before('you do not hear me'), 'nothing loud about it')
    rig.keep(alice, 'pinned-and-muted')
    rig.keep(laptop, 'pinned-and-muted-ru')
    laptop.resize(*LARGE)
    laptop.see('закрепить')
    rig.keep(laptop, 'pinned-and-muted-ru-200')
    laptop.resize(*SMALL)
    rig.pick(alice, 'Carol')
    alice.keys('a')
    alice.see('Archive: 1 chat')
    laptop.see('Архив: 1 чат')
    expect('Carol' not in alice.text(), 'it is away')
    rig.keep(alice, 'archived')
    alice.keys('Tab')
    alice.see('you do not hear me')
    expect(line_of(alice, 'Bob') is None, 'the archive alone')
    rig.keep(alice, 'archive')
    alice.keys('m')
    alice.see_no('⊘')
    rig.galka('carol', 'send', '@alice', 'and now?')  # a new message brings it back, once it is heard again
    for screen in (alice, laptop):
        screen.see('and now?')
        screen.see(lambda screen: line_of(screen, 'Bob') is not None and line_of(screen, 'Carol') is not None)
        screen.see(lambda screen: 'Archive' not in screen.text() and 'Архив' not in screen.text())
    rig.pick(alice, 'Bob')
    alice.keys('p')
    laptop.see_no('▲')
    for screen in (alice, laptop):
        rig.leave(screen)


@case
def drafts_in_chat(rig):
    """galka chat, a line at a time, goes on with what another device began, keeps what is not sent, and answers what a draft answers"""
    rig.galka('bob', 'send', '@alice', 'Which one?')
    rig.galka('laptop', 'draft', '@bob', 'The first')
    chat = rig.galka_screen('alice', 'chat', '@bob')
    chat.wait_for(lambda screen: screen.line_with('> The first'), 'what the laptop began')
    expect(chat.line_with('a draft of yours'), f'it says so:\n{chat.text()}')
    chat.type(' of all')
    wait_until(lambda: rig.galka('laptop', 'draft', '@bob') == 'The first of all\n', 'kept at a pause')
    rig.galka('laptop', 'draft', '@bob', 'The last')
    chat.wait_for(lambda screen: screen.line_with('> The last'), 'what the laptop made of it meanwhile')
    chat.type(', or')
    chat.type('\x03')
    expect_equal(chat.finish(), 0, 'exit code')
    wait_until(lambda: rig.galka('laptop', 'draft', '@bob') == 'The last, or\n', 'kept at the end')
    chat = rig.galka_screen('alice', 'chat', '@bob')
    chat.wait_for(lambda screen: screen.line_with('> The last, or'), 'here it is again')
    chat.type(' none\r')
    chat.wait_for(lambda screen: screen.shows('The last, or none', '✓'), 'it is sent')
    wait_until(lambda: rig.galka('laptop', 'draft', '@bob') == '', 'a draft no longer')
    chat.type('\x04')
    expect_equal(chat.finish(), 0, 'exit code')
    wait_until(lambda: rig.galka_json('bob', 'history', '@alice')[-1]['text'] == 'The last, or none', 'bob has it')
    rig.galka('bob', 'send', '@alice', 'Tell me next time.')
    wait_until(lambda: rig.galka_json('alice', 'history', '@bob')[-1]['text'] == 'Tell me next time.', 'it has arrived')
    seq = rig.galka_json('alice', 'history', '@bob')[-1]['seq']
    # A reply that the full screen began is one here.
    laptop = rig.screen('laptop', '@bob')
    laptop.see('next time')
    laptop.keys('Up')
    laptop.see('Enter reply')
    laptop.keys('Enter')
    laptop.type('That one')
    rig.leave(laptop)
    chat = rig.galka_screen('alice', 'chat', '@bob')
    chat.wait_for(lambda screen: screen.line_with(f'a reply to number {seq}'), 'it says to what')
    chat.type('\r')
    chat.wait_for(lambda screen: screen.shows('That one', '✓'), 'it is sent')
    chat.type('next\r')
    chat.wait_for(lambda screen: screen.shows('next', '✓'), 'and one more')
    chat.type('\x04')
    expect_equal(chat.finish(), 0, 'exit code')
    rows = {row['text']: row.get('reply_to') for row in rig.galka_json('alice', 'history', '@bob')}
    expect_equal((rows['That one'], rows['next']), (seq, None), 'which of them replies')


@case
def drafts(rig):
    """what is begun on one device is on the other, in the list and to go on with; sent, it is gone from both"""
    alice, laptop = rig.screen('alice', '@bob'), rig.screen('laptop')
    laptop.see('Bob')
    alice.see('here is bob')
    alice.type('I think we')
    laptop.see('Draft: I think we')  # after a moment's pause, while she is still there
    rig.escape(alice)
    alice.keys('C-k')
    alice.type('Carol')
    alice.keys('Enter')
    alice.see('Draft: I think we')
    rig.keep(alice, 'draft-in-the-list')
    rig.pick(laptop, 'Bob')
    laptop.keys('Enter')
    laptop.see('› I think we')
    laptop.type(' go')
    alice.see('Draft: I think we go')
    rig.keep(laptop, 'draft-open')
    # Who has the room open, and typed nothing since, sees it change.
    alice.keys('C-k')
    alice.type('Bob')
    alice.keys('Enter')
    alice.see('› I think we go')
    laptop.type(' now.')
    alice.see('› I think we go now.')
    laptop.keys('Enter')
    laptop.see('Message')
    alice.see(lambda screen: '› ' not in screen.text() or 'Message' in screen.text())
    for screen in (alice, laptop):
        screen.see_no('Draft:')
    expect_equal(rig.galka('bob', 'history', '@alice').count('I think we go now.'), 1, 'it was said once')
    # It outlives the program, at once.
    alice.type('Wait')
    rig.leave(alice)
    expect_equal(rig.galka('alice', 'draft', '@bob'), 'Wait\n', 'kept at the end')
    again = rig.screen('alice', '@bob')
    again.see('› Wait')
    again.keys('C-u')
    laptop.see(lambda screen: 'Wait' not in screen.text())
    for screen in (again, laptop):
        rig.leave(screen)


class KeepingRig(ScreenRig):
    def __enter__(self):
        super().__enter__()
        self.sign_up(self.main, 'carol')
        self.galka('laptop', '--server', f'127.0.0.1:{self.main.port}', 'signin', 'alice', '--password-file', self.password_file())
        return self

    def pick(self, terminal, name):
        """The keys are at that room of the list."""
        if 'choose' not in terminal.text() and 'выбрать' not in terminal.text():
            self.escape(terminal)
        terminal.keys('Home')
        for _ in range(8):
            time.sleep(0.15)
            lines = terminal.text().split('\n')
            if any(line.startswith('▎') and name in line.split('│')[0] for line in lines):
                return
            terminal.keys('Down')
        expect(False, f'{name} is in the list:\n{terminal.text()}')


sys.exit(suite.run(KeepingRig))
