#!/usr/bin/python3
"""Who is online and who types, as the terminal client's commands print it. See rig.py for the arguments."""
import sys
import time

from rig import Rig
from tap import Suite, expect, expect_equal, wait_until

suite = Suite()
case = suite.case


def end(process, name):
    process.signal(15)
    expect_equal(process.wait(), 0, f'exit code of {name}')


def said(process, kind):
    """What was printed of that kind, in order: online or typing."""
    return [line['online' if kind == 'status' else 'typing'] for line in process.json() if line['type'] == kind]


@case
def online(rig):
    """who comes is told at once, who goes after half a minute, and a client that is back at once goes unnoticed"""
    rig.galka('alice', 'send', '@bob', 'hello')
    rig.galka('bob', 'rooms')
    time.sleep(1)
    alice = rig.galka_leader('alice', '--json', 'watch', '@bob')
    bob = rig.galka_leader('bob', '--json', 'tail')
    wait_until(lambda: said(alice, 'status')[-1:] == [True], 'bob came')
    expect_equal(alice.json()[-1]['user_name'], 'bob', 'and is named')
    end(bob, "bob's tail")
    bob = rig.galka_leader('bob', '--json', 'tail')
    time.sleep(33)
    expect_equal(said(alice, 'status')[-1], True, 'a reconnect says nothing')
    count = len(said(alice, 'status'))
    end(bob, "bob's tail")
    time.sleep(20)
    expect_equal(len(said(alice, 'status')), count, 'nothing yet')
    wait_until(lambda: said(alice, 'status')[-1] is False, 'bob is gone', 30)
    expect_equal(len(said(alice, 'status')), count + 1, 'and that is said once')
    gone = alice.json()[-1]
    expect(0 <= time.time() - gone['seen_ms'] / 1000 < 420 and gone['seen_ms'] % 300000 == 0, f'and since when: {gone}')
    end(alice, "alice's watch")
    alice = rig.galka_leader('alice', '--json', 'watch', '@bob')
    wait_until(lambda: said(alice, 'status') == [False], 'bob is away')
    expect(abs(alice.json()[0]['seen_ms'] - gone['seen_ms']) <= 300000, f'and the store knows since when: {alice.json()[0]}')
    end(alice, "alice's watch")


@case
def typing(rig):
    """who has the room open hears typing, and that it is over; a stranger hears nothing"""
    alice = rig.galka_leader('alice', '--json', 'watch', '@bob')
    wait_until(lambda: said(alice, 'status'), 'alice watches')
    rig.galka('bob', 'typing', '@alice')
    wait_until(lambda: said(alice, 'typing') == [True], 'bob types')
    wait_until(lambda: said(alice, 'typing') == [True, False], 'and does no longer', 10)
    rig.galka('bob', 'typing', '@alice')
    wait_until(lambda: said(alice, 'typing')[-1] is True, 'again')
    rig.galka('bob', 'send', '@alice', 'there')
    wait_until(lambda: said(alice, 'typing')[-1] is False, 'the message ends it', 4)
    end(alice, "alice's watch")


@case
def hidden(rig):
    """who hides is not told of and is told nothing, whatever device asks, until he says otherwise"""
    def hears(profile, whom, told):
        watch = rig.galka_leader(profile, '--json', 'watch', whom)
        if told:
            wait_until(lambda: said(watch, 'status')[-1:] == [True], f'{profile} hears of {whom}')
        else:
            time.sleep(3)
            expect_equal(watch.json(), [], f'what {profile} hears of {whom}')
        end(watch, f"{profile}'s watch")

    rig.galka('alice', 'send', '@bob', 'hello')
    rig.galka('bob', 'rooms')
    alice = rig.galka_leader('alice', '--json', 'tail')
    bob = rig.galka_leader('bob', '--json', 'tail')
    expect_equal(rig.galka_json('bob', 'last-seen')[0]['value'], 'on', 'so it is at first')
    rig.galka('bob', 'last-seen', 'off', '--wait')
    wait_until(lambda: rig.galka_json('bob', 'last-seen')[0]['value'] == 'off', 'the galka that leads has it')
    end(alice, "alice's tail")
    hears('alice', '@bob', False)
    end(bob, "bob's tail")
    alice = rig.galka_leader('alice', '--json', 'tail')
    hears('bob', '@alice', False)
    end(alice, "alice's tail")
    rig.galka('bob', 'last-seen', 'perhaps', code=2)
    expect_equal(rig.galka('bob', 'last-seen', 'on'), '✓ done\n', 'for people')
    bob = rig.galka_leader('bob', '--json', 'tail')
    hears('alice', '@bob', True)
    end(bob, "bob's tail")
    alice = rig.galka_leader('alice', '--json', 'tail')
    hears('bob', '@alice', True)
    end(alice, "alice's tail")


@case
def strangers(rig):
    """with whom one shares no room, of him nothing is told"""
    carol = rig.galka_leader('carol', '--json', 'watch', '@alice')
    alice = rig.galka_leader('alice', '--json', 'tail')
    time.sleep(3)
    expect_equal(carol.json(), [], 'what carol hears')
    end(carol, "carol's watch")
    end(alice, "alice's tail")


class WatchRig(Rig):
    def __enter__(self):
        self.main = self.server('--dev').start()
        for name in ('alice', 'bob', 'carol'):
            self.sign_up(self.main, name)
        return self


sys.exit(suite.run(WatchRig))
