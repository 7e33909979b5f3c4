#!/usr/bin/python3
"""The log: an operation can be followed by its request id, and nobody's text or secret is in it. See rig.py for the arguments."""
import json
import sys

import wire
from rig import PASSWORD, Rig
from tap import Suite, expect, expect_equal, wait_until

TEXT = 'a text that is nobody else\'s business'
suite = Suite()
case = suite.case


def events(rig):
    return [json.loads(line) for line in list(rig.main.process.err.lines)]


def of(rig, name, **wanted):
    return [event for event in events(rig) if event['event'] == name and wanted.items() <= event.items()]


@case
def followed(rig):
    """one message is found at the frontend, in the store, at the worker and at the frontend again"""
    sent, = rig.galka_json('alice', 'send', '@bob', TEXT)
    expect_equal(sent['state'], 'sent', 'state of the message')
    written = wait_until(lambda: of(rig, 'session.written', operation=sent['id']), 'the session tells of the operation')[0]
    expect_equal((written['status'], written['seq']), ('OK', 1), 'what the session tells')
    expect_equal(len(of(rig, 'store.committed', request=sent['id'], status='OK', repeat=0)), 1, 'commits of it')
    expect_equal(len(of(rig, 'frontend.relayed', request=written['request'], code='write')), 1, 'frames relayed')
    expect_equal(len(of(rig, 'worker.replied', request=written['request'], code='written')), 1, 'replies')
    wait_until(lambda: of(rig, 'frontend.answered', request=written['request']), 'the frontend answers')


@case
def refused(rig):
    """a refusal tells its request, its code and its reason"""
    with rig.main.joined(rig.dora) as client:
        answer = client.ask('changes', {'limit': 1}, room=wire.personal_room(rig.dora.user, 1))
    expect_equal(answer.name, 'error', 'answer')
    event, = wait_until(lambda: of(rig, 'worker.refused', code='changes', error='NO_ROOM'), 'the log tells of it')
    expect(of(rig, 'frontend.relayed', request=event['request'], code='changes'), 'the frontend told of it too')


@case
def discreet(rig):
    """no text, address, name, password, code, token or secret is in the log, even at its most talkative"""
    rig.sign_up(rig.main, 'carol')
    code = rig.main.code_for('carol@example.org')
    rig.galka('carol', 'send', '@alice', TEXT)
    wait_until(lambda: len(of(rig, 'session.written')) >= 2, 'both messages are told of')
    log = '\n'.join(rig.main.process.err.lines)
    expect('frontend.relayed' in log and 'worker.replied' in log, f'it is talkative:\n{log}')
    for secret in [TEXT, 'carol', 'Carol', 'alice', 'dora', PASSWORD, f'"{code}"', rig.dora.token[8:].hex()]:
        expect(secret not in log, f'the log has {secret!r}')


class LogRig(Rig):
    def __enter__(self):
        self.main = self.server('--dev', '--log-level', 'debug', '--log-format', 'json')
        self.dora, = self.main.add_users('dora')
        self.main.start()
        for name in ('alice', 'bob'):
            self.sign_up(self.main, name)
        return self


sys.exit(suite.run(LogRig))
