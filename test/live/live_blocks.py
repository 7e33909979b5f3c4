#!/usr/bin/python3
"""People block each other, by the commands of the terminal client and on its full screen. See rig.py for the arguments."""
import os
import sys
import time

from rig import Rig
from tap import Suite, expect, expect_equal, wait_until
from tmux import Tmux

suite = Suite()
case = suite.case


def blocked(rig, profile):
    return [person['user_name'] for person in rig.galka_json(profile, 'blocks')]


def texts(rig, profile, *words):
    return [row['text'] for row in rig.galka_json(profile, 'history', *words)]


def forget_failed(rig, profile):
    for left in rig.galka_json(profile, 'outbox'):
        rig.galka(profile, 'discard', left['id'])


@case
def commands(rig):
    """neither writes to or finds the other while a block lasts, and none is told who blocks"""
    rig.galka('alice', 'send', '@bob', 'hello')
    rig.galka('bob', 'send', '@alice', 'nasty words')
    rig.galka('alice', 'block', '@bob')
    expect_equal(blocked(rig, 'alice'), ['bob'], 'whom alice blocks')
    expect_equal(blocked(rig, 'bob'), [], 'whom bob blocks')
    for sender, other in (('bob', 'alice'), ('alice', 'bob')):
        rig.galka(sender, 'send', '--wait', f'@{other}', 'more', code=1)
        expect('no such user' in rig.last_error, f'what {sender} is told: {rig.last_error}')
        expect_equal(rig.galka_json(sender, 'people', other), [], f'{sender} looks for {other}')
        forget_failed(rig, sender)
    expect_equal(texts(rig, 'bob', '@alice'), ['hello', 'nasty words'], 'what was said before stays')
    rig.galka('alice', 'unblock', '@carol', code=1)
    rig.galka('alice', 'unblock', '@bob')
    expect_equal(blocked(rig, 'alice'), [], 'whom alice blocks now')
    rig.galka('bob', 'send', '--wait', '@alice', 'sorry')


@case
def another_device(rig):
    """what one device blocked, another unblocks"""
    rig.galka('laptop', '--server', f'127.0.0.1:{rig.main.port}', 'signin', 'alice', '--password-file', rig.password_file())
    expect_equal(blocked(rig, 'laptop'), [], 'whom the laptop blocks')
    rig.galka('alice', 'block', '@bob')
    expect_equal(blocked(rig, 'laptop'), ['bob'], 'and now')
    rig.galka('laptop', 'unblock', '@bob')
    expect_equal(blocked(rig, 'alice'), [], 'whom alice blocks')


@case
def groups(rig):
    """in a group the blocked are hidden from who blocks them, and from nobody else"""
    rig.galka('carol', 'group', 'Birds', '@alice', '@bob')
    rig.galka('alice', 'block', '@bob')
    rig.galka('bob', 'send', '--wait', 'Birds', 'nasty again')
    rig.galka('carol', 'send', '--wait', 'Birds', 'be kind')
    row, = [row for row in rig.galka_json('alice', 'history', 'Birds') if row.get('blocked')]
    expect_equal((row['text'], row['sender_name']), ('', 'bob'), 'what alice sees')
    expect('nasty again' not in rig.galka('alice', 'history', 'Birds'), 'nor for people')
    expect('nasty again' in texts(rig, 'alice', 'Birds', '--blocked'), 'unless she asks for it')
    expect('nasty again' in texts(rig, 'carol', 'Birds'), 'carol blocks nobody')
    rig.galka('alice', 'group', 'Cats')
    rig.galka('alice', 'add', 'Cats', '@bob', code=1)
    forget_failed(rig, 'alice')


@case
def screen(rig):
    """on the full screen: hidden behind Enter, blocked and unblocked by Ctrl+B"""
    environment = {name: value for name, value in rig.environment().items() if name in ('PATH', 'HOME', 'TZ')}
    alice = rig.tmux.start('alice', rig.galka_arguments('alice', 'screen'),
                           environment | {'LANG': 'C.UTF-8', 'TERM': 'tmux-256color'})
    alice.see('Birds')
    alice.keys('C-k')
    alice.type('birds')
    alice.keys('Enter')
    alice.see('be kind')
    alice.see('message of somebody you block')
    expect('nasty again' not in alice.text(), 'it is hidden')
    rig.keep(alice, 'blocked-in-a-group')
    alice.keys('Up', 'Up')
    alice.keys('Enter')
    alice.see('nasty again')
    rig.escape(alice)
    alice.keys('C-k')
    alice.type('bob')
    alice.keys('Enter')
    alice.see('blocked by you')
    alice.type('hm')
    alice.keys('Enter')
    alice.see('You block this person')
    rig.keep(alice, 'blocked')
    alice.keys('C-b')
    alice.see('People you block')
    alice.see('@bob')
    rig.keep(alice, 'people-you-block')
    alice.keys('Enter')
    alice.see('You block nobody')
    rig.escape(alice)
    alice.see_no('blocked by you')
    alice.keys('C-b')
    alice.see('Block this person?')
    rig.keep(alice, 'block-this-person')
    alice.keys('Down', 'Enter')
    alice.see('blocked by you')
    alice.keys('C-q')
    wait_until(lambda: blocked(rig, 'alice') == ['bob'], 'the server has it')


class BlocksRig(Rig):
    def __enter__(self):
        self.main = self.server('--dev').start()
        self.tmux = Tmux(self.folder)
        self.kept = os.path.join(os.path.dirname(self.folder), 'screens')
        os.makedirs(self.kept, exist_ok=True)
        for name in ('alice', 'bob', 'carol'):
            self.sign_up(self.main, name)
        return self

    def __exit__(self, *details):
        self.tmux.end()
        super().__exit__(*details)

    def escape(self, terminal):
        terminal.keys('Escape')
        time.sleep(0.5)  # or it is Alt with the key that follows

    def keep(self, terminal, name):
        with open(os.path.join(self.kept, f'{name}.txt'), 'w', encoding='utf-8') as file:
            file.write(terminal.coloured())


sys.exit(suite.run(BlocksRig))
