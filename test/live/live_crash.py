#!/usr/bin/python3
"""A message that crashes the server (L10): its sender's client asks again and again, somebody starts the server again and again, and
after a few times it is refused and everything goes on. See rig.py for the arguments; the server is galkad_crashes."""
import signal
import sys

from rig import Rig
from tap import Suite, expect, expect_equal, wait_until

suite = Suite()
case = suite.case


def start_again_until(rig, ends):
    """Plays the service manager until ends() is true. Returns how often the server had crashed."""
    crashes = 0
    while not wait_until(lambda: ends() or not rig.main.runs(), 'a crash, or the end', 60) or not rig.main.runs():
        expect_equal(rig.main.process.wait(), -signal.SIGABRT, 'it crashed')
        crashes += 1
        expect(crashes < 6, 'it ends some day')
        rig.main.start()
    return crashes


def send_deadly(rig, profile, text, crashes):
    """The deadly message is refused after so many crashes. What was queued behind it goes on its own then."""
    sender = rig.galka_start(profile, 'send', '--wait', '@bob', text)
    wait_until(lambda: not rig.main.runs(), 'the first crash')
    rig.galka(profile, 'send', '@bob', f'{profile}, written meanwhile')
    expect_equal(start_again_until(rig, lambda: not sender.runs()), crashes, 'crashes')
    expect_equal(sender.wait(), 1, f'its sender is refused: {sender.out.lines}{sender.err.lines}')
    expect(sender.err.find('failed over that'), f'and told why: {sender.err.lines}')
    expect(rig.main.process.err.find('worker.poison.*POISON|POISON.*worker.poison'), 'the log names it')
    failed, = [entry for entry in rig.galka_json(profile, 'outbox') if entry['state'] == 'failed']
    expect_equal(failed['text'], text, 'what failed')
    rig.galka(profile, 'discard', failed['id'])
    wait_until(lambda: not rig.galka_json(profile, 'outbox'), 'the outbox is empty')


def expect_goes_on(rig):
    rig.galka('alice', 'send', '--wait', '@bob', 'still here')
    expect(rig.main.runs(), 'the server runs')


@case
def worker(rig):
    """a message that crashes the worker: once among others, once alone, then it is refused, and what was said besides arrives"""
    rig.galka('alice', 'send', '--wait', '@bob', 'before')
    send_deadly(rig, 'mallory', 'crash the worker', 2)
    expect_goes_on(rig)
    said = [row['text'] for row in rig.galka_json('bob', 'history', '@mallory')]
    expect_equal(said, ['mallory, written meanwhile'], 'what bob has of mallory')


@case
def care(rig):
    """after a crash the worker takes care, after a clean end no longer"""
    expect(rig.main.process.err.find('worker.takes_singly'), 'the worker takes care')
    expect_equal(rig.main.stop(), 0, 'exit code')
    rig.main.start()
    expect_goes_on(rig)
    expect(not rig.main.process.err.find('worker.takes_singly'), 'after a clean end it does not')


@case
def store(rig):
    """a message that crashes the store's thread: whose it was takes one crash more to know"""
    send_deadly(rig, 'mike', 'crash the store', 3)
    expect_goes_on(rig)


@case
def killed(rig):
    """whoever is under way when the server is killed is not blamed"""
    for number in range(4):
        sender = rig.galka_start('alice', 'send', '--wait', '@bob', f'killed {number}')
        rig.main.kill()
        rig.main.start()
        expect_equal(sender.wait(70), 0, f'it is sent: {sender.err.lines}')
    said = [row['text'] for row in rig.galka_json('bob', 'history', '@alice', '--count', 4)]
    expect_equal(said, [f'killed {number}' for number in range(4)], 'what bob has')


@case
def sound(rig):
    """after all that the database is whole"""
    expect_equal(rig.main.stop(), 0, 'exit code')
    expect_equal(rig.main.check()['faults'], '0', 'faults')


class CrashRig(Rig):
    def __enter__(self):
        self.main = self.server('--dev').start()
        for name in ('alice', 'bob', 'mallory', 'mike'):
            self.sign_up(self.main, name)
        return self


sys.exit(suite.run(CrashRig))
