#!/usr/bin/python3
"""Without a link, and two processes on one profile: nothing is lost, nothing is doubled. See rig.py for the arguments."""
import os
import stat
import sys
import time

from rig import Rig
from tap import Suite, expect, expect_equal, wait_until

suite = Suite()
case = suite.case


def texts(rig, profile, room, count):
    return [row['text'] for row in rig.galka_json(profile, 'history', room, '--count', count)]


@case
def queued(rig):
    """send with the server stopped says queued and exits with 0, soon"""
    rig.galka('alice', 'people', 'bob')  # found once, though they have never talked
    expect_equal(rig.main.stop(), 0, 'exit code of the server')
    start = time.monotonic()
    said = rig.galka('alice', 'send', '@bob', 'while it was away')
    expect(said.startswith('queued: no server answers'), f'what it said: {said}')
    expect(time.monotonic() - start < 3, 'it does not keep one waiting')
    sent, = rig.galka_json('alice', 'send', '@bob', 'and another')
    expect_equal(sent['state'], 'queued', 'JSON')
    outbox = rig.galka_json('alice', 'outbox')
    expect_equal([entry['text'] for entry in outbox], ['while it was away', 'and another'], 'outbox')
    rig.galka('alice', 'send', '@stranger', 'hello', code=3)
    room, = [room for room in rig.galka_json('alice', 'rooms') if room['queued']]
    expect_equal(room['queued'], 2, 'rooms counts them')


@case
def sent_once(rig):
    """whichever galka runs next sends it, and another profile's tail shows it exactly once"""
    rig.main.start()
    tail = rig.galka_start('bob', '--json', 'tail')
    rig.galka('alice', 'whoami')
    wait_until(lambda: len(tail.json()) >= 2, 'tail shows them')
    expect_equal(rig.galka_json('alice', 'outbox'), [], 'the outbox is empty')
    rig.galka('alice', 'rooms')
    rig.galka('alice', 'send', '@bob', 'the end')
    wait_until(lambda: tail.json()[-1]['text'] == 'the end', 'tail shows the last')
    tail.signal(15)
    expect_equal(tail.wait(), 0, 'exit code of tail')
    expect_equal([row['text'] for row in tail.json()], ['while it was away', 'and another', 'the end'], 'all that tail showed')
    expect_equal(texts(rig, 'bob', '@alice', 3), ['while it was away', 'and another', 'the end'], 'history')


@case
def killed_while_queued(rig):
    """a galka killed after it said queued, and many runs in between, lose and double nothing"""
    rig.main.stop()
    for number in range(5):
        rig.galka('alice', 'send', '@bob', f'queued {number}')
    chat = rig.galka_leader('alice', '--json', 'chat', '@bob')  # before `outbox`, again and again, leads instead
    for number in range(5, 20):
        chat.say(f'queued {number}')
    wait_until(lambda: len(rig.galka_json('alice', 'outbox')) == 20, 'all of them are in the outbox')
    chat.end()  # kill -9
    rig.main.start()
    for _ in range(3):
        killed = rig.galka_start('alice', '--json', 'tail')
        time.sleep(0.05)
        killed.end()
    rig.galka('alice', 'rooms')
    expect_equal(texts(rig, 'bob', '@alice', 20), [f'queued {number}' for number in range(20)], 'what bob got')
    expect_equal(rig.galka_json('alice', 'outbox'), [], 'the outbox is empty')


@case
def beside_a_leader(rig):
    """while one process leads the profile another queues into its outbox, and the leader sends it"""
    for leader in (('--json', 'tail'), ('chat', '@bob')):
        process = rig.galka_leader('alice', *leader)
        said = rig.galka('alice', 'send', '@bob', f'beside {leader[-1]}')
        expect('the galka that runs on this profile' in said, f'what it said: {said}')
        wait_until(lambda: texts(rig, 'bob', '@alice', 1) == [f'beside {leader[-1]}'], 'bob got it', 10)
        start = time.monotonic()
        expect_equal(rig.galka('alice', 'send', '@bob', 'waited for', '--wait'), '✓ sent\n', 'with --wait')
        expect_equal(texts(rig, 'bob', '@alice', 1), ['waited for'], 'then it is there')
        expect(time.monotonic() - start < 5, 'and it did not take long')
        process.signal(15) if leader[-1] == 'tail' else process.process.stdin.close()
        expect_equal(process.wait(), 0, 'exit code of the leader')


@case
def wait_without_a_server(rig):
    """send --wait stays while there is no server, and ends once it is sent"""
    rig.main.stop()
    waiting = rig.galka_start('alice', 'send', '@bob', 'patience', '--wait')
    time.sleep(1.5)
    expect(waiting.runs(), 'it stays')
    rig.main.start()
    expect_equal(waiting.wait(30), 0, 'its exit code')
    expect_equal(waiting.out.lines, ['✓ sent'], 'what it said')
    expect_equal(texts(rig, 'bob', '@alice', 2).count('patience'), 1, 'bob got it once')


@case
def waits_for_the_lead(rig):
    """a command that needs the lead waits a moment for another one to end"""
    leader = rig.galka_leader('alice', '--json', 'tail')
    people = rig.galka_start('alice', 'people', 'bob')
    time.sleep(0.3)
    leader.signal(15)
    expect_equal(people.wait(), 0, f'its exit code: {people.err.lines}')
    expect(people.out.find('@bob'), 'what it found')


@case
def the_leader_ends(rig):
    """send --wait beside a leader that ends leads by itself"""
    rig.main.stop()
    tail = rig.galka_leader('alice', '--json', 'tail')
    waiting = rig.galka_start('alice', 'send', '@bob', 'inherited', '--wait')
    wait_until(lambda: rig.galka_json('alice', 'outbox'), 'it is queued')
    tail.end()
    rig.main.start()
    expect_equal(waiting.wait(30), 0, 'its exit code')
    expect_equal(texts(rig, 'bob', '@alice', 1), ['inherited'], 'bob got it')


@case
def owner_only(rig):
    """the profile's folder and files are readable by their owner only"""
    tail = rig.galka_start('alice', 'tail')  # while it runs there are a log and shared memory beside the database
    folder = os.path.join(rig.folder, 'profiles', 'alice')
    wait_until(lambda: len(os.listdir(folder)) >= 4, 'all files are there')
    expect_equal(stat.S_IMODE(os.stat(folder).st_mode), 0o700, 'the folder')
    for name in os.listdir(folder):
        expect_equal(stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode) & 0o077, 0, name)
    tail.end()


@case
def chat_comes_back(rig):
    """chat says that the link is gone, keeps what is typed, and comes back by itself when the server does"""
    alice = rig.galka_screen('alice', 'chat', '@bob')
    alice.wait_for(lambda screen: screen.line_with('>'), 'a prompt')
    alice.type('before\r')
    alice.wait_for(lambda screen: screen.shows('before', '✓'), 'a tick')
    rig.main.kill()
    alice.wait_for(lambda screen: screen.line_with('no link'), 'it says so')
    alice.type('meanwhile\r')
    alice.wait_for(lambda screen: screen.shows('meanwhile', '…'), 'it is queued')
    rig.main.start()
    alice.wait_for(lambda screen: screen.shows('meanwhile', '✓'), 'it is sent', 30)
    expect(alice.line_with('connected'), f'it says that it is connected:\n{alice.text()}')
    alice.type('\x04')
    expect_equal(alice.finish(), 0, 'exit code of chat')
    expect_equal(texts(rig, 'bob', '@alice', 2), ['before', 'meanwhile'], 'what bob got')
    rig.main.kill()
    alice = rig.galka_screen('alice', 'chat', '@bob')
    alice.wait_for(lambda screen: screen.line_with('no link'), 'begun without a link it says so too')
    expect(alice.line_with('meanwhile'), f'and shows what it has:\n{alice.text()}')
    rig.main.start()
    alice.type('at once\r')
    alice.wait_for(lambda screen: screen.shows('at once', '✓'), 'what is typed goes out without a wait', 3)


@case
def sound(rig):
    """after all that the database is whole"""
    rig.main.stop()
    expect_equal(rig.main.check()['faults'], '0', 'faults')


class OfflineRig(Rig):
    def __enter__(self):
        self.main = self.server('--dev').start()
        for name in ('alice', 'bob'):
            self.sign_up(self.main, name)
        return self


sys.exit(suite.run(OfflineRig))
