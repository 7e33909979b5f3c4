#!/usr/bin/python3
"""Accounts through the two programs: invited, a lost password, another one, other names, another address. See rig.py."""
import json
import os
import stat
import subprocess
import sys

from rig import PASSWORD, Rig
from tap import Suite, expect, expect_equal

suite = Suite()
case = suite.case
ALICE = 'alice@example.org'


def invite(rig, *options, code=0):
    """galkad invite, beside the server that runs. Returns its lines."""
    done = subprocess.run(rig.main.arguments(*options, 'invite'), capture_output=True, text=True, check=False)
    expect_equal(done.returncode, code, f'galkad invite: {done.stdout}{done.stderr}')
    return done.stdout.splitlines()


def sign_up(rig, name, *options, code=0):
    """In two calls, as a script does it. The first sends the code; with code 1 it must be refused."""
    arguments = ['--server', f'127.0.0.1:{rig.main.port}', 'signup', '--email', f'{name}@example.org', '--name', name,
                 '--password-file', rig.password_file(), *options]
    rig.galka(name, *arguments, code=1)
    if code:
        return rig.last_error
    rig.galka(name, *arguments, '--code', rig.main.code_for(f'{name}@example.org'))  # as README says: the same, and the code
    return ''


@case
def invited(rig):
    """nobody gets in without an invitation; with a link, or its token, so many as it is for"""
    expect('wants an invitation' in sign_up(rig, 'alice', code=1), f'why not: {rig.last_error}')
    expect('invitation' in sign_up(rig, 'alice', '--invite', 'no-such-thing', code=1), f'why not: {rig.last_error}')
    token, link = invite(rig, '--domain', 'galka.example.org', '--uses', '2')
    expect_equal(link, f'https://galka.example.org/i/{token}', 'the link')
    sign_up(rig, 'alice', '--invite', link)
    sign_up(rig, 'bob', '--invite', token.upper())
    expect('used up or has expired' in sign_up(rig, 'carol', '--invite', token, code=1), f'why not: {rig.last_error}')
    rig.galka('bob', 'signup', '--invite', link, code=1)
    expect('for somebody new' in rig.last_error, f'who has an account: {rig.last_error}')


@case
def members_invite(rig):
    """a member's own invitation is as good"""
    made, = rig.galka_json('bob', 'invite', '--uses', 1, '--days', 1)
    expect_equal(made['type'], 'invite', 'JSON')
    sign_up(rig, 'carol', '--invite', made['token'])


@case
def lost_password(rig):
    """reset signs this device in and the others out"""
    rig.galka('phone', '--server', f'127.0.0.1:{rig.main.port}', 'reset', ALICE, code=1)
    rig.galka('phone', 'reset', '--code', '000000', '--password-file', rig.password_file('the second password'), code=1)
    rig.galka('phone', 'reset', '--code', rig.main.code_for(ALICE, 2), '--password-file', rig.password_file('the second password'))
    expect_equal(rig.galka_json('phone', 'whoami')[0]['user_name'], 'alice', 'who is there')
    expect_equal(len(rig.galka_json('phone', 'devices')), 1, 'devices')
    rig.galka('alice', 'people', 'bob', code=None)
    rig.galka('alice', 'whoami', code=4)


@case
def other_password(rig):
    """password wants the old one; others stay, or are signed out"""
    server = f'127.0.0.1:{rig.main.port}'
    rig.galka('alice', '--server', server, 'signin', 'alice', '--password-file', rig.password_file('the second password'))
    rig.galka('phone', 'password', '--password-file', rig.password_file(PASSWORD), '--new-password-file',
              rig.password_file('the third'), code=1)
    rig.galka('phone', 'password', '--password-file', rig.password_file('the second password'), '--new-password-file',
              rig.password_file('the third'))
    expect_equal(len(rig.galka_json('alice', 'devices')), 2, 'devices: both stay')
    rig.galka('phone', 'password', '--password-file', rig.password_file('the third'), '--new-password-file',
              rig.password_file('the fourth one'), '--others')
    expect_equal(len(rig.galka_json('phone', 'devices')), 1, 'devices: one stays')
    rig.galka('alice', '--server', server, 'people', 'bob', code=None)
    rig.galka('alice', '--server', server, 'signin', 'alice', '--password-file', rig.password_file('the fourth one'))
    rig.galka('alice', 'signout', '--others')
    expect_equal(len(rig.galka_json('alice', 'devices')), 1, 'devices: the others are out')


@case
def other_names(rig):
    """profile sets names, and others find her by them"""
    person, = rig.galka_json('alice', 'profile', '--display', 'Alice Liddell')
    expect_equal(person['display_name'], 'Alice Liddell', 'JSON')
    rig.galka('alice', 'profile', '--name', 'bob', code=1)
    rig.galka('alice', 'profile', '--name', 'dinah')
    found, = rig.galka_json('bob', 'people', 'liddell')
    expect_equal(found['user_name'], 'dinah', 'found by')


@case
def other_address(rig):
    """email wants the password and the code that went to the new address"""
    rig.galka('alice', 'email', 'new@example.org', '--password-file', rig.password_file(PASSWORD), code=1)
    rig.galka('alice', 'email', 'new@example.org', '--password-file', rig.password_file('the fourth one'), code=1)
    rig.galka('alice', 'email', '--code', '000000', code=1)
    rig.galka('alice', 'email', '--code', rig.main.code_for('new@example.org'))
    rig.galka('alice', 'email', '--code', '123456', code=1)
    rig.galka('tablet', '--server', f'127.0.0.1:{rig.main.port}', 'signin', 'new@example.org', '--password-file',
              rig.password_file('the fourth one'))


@case
def exported(rig):
    """export writes profile, devices, rooms and every message of them, once, into a file of one's own"""
    rig.galka('carol', 'people', 'bob')
    rig.galka('carol', 'chat', '@bob', stdin=''.join(f'number {number}\n' for number in range(250)), timeout=60)
    path = os.path.join(rig.folder, 'bob.jsonl')
    rig.galka('bob', 'export', path, timeout=60)
    with open(path, encoding='utf-8') as file:
        lines = [json.loads(line) for line in file]
    expect_equal(lines[0]['type'], 'export', 'first line')
    expect_equal(lines[1]['user_name'], 'bob', 'whose')
    texts = [line['text'] for line in lines if line['type'] == 'message']
    expect_equal(texts, [f'number {number}' for number in range(250)], 'messages')
    expect_equal(lines[-1], {'type': 'end', 'rooms': 1, 'messages': 250}, 'last line')
    expect_equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, 'mode')
    expect(not os.path.exists(path + '.part'), 'nothing is left beside it')
    rig.galka('bob', 'export', os.path.join(rig.folder, 'no', 'such', 'folder'), code=6)


@case
def deleted(rig):
    """delete-account wants the password; then there is nothing left to sign in to"""
    rig.galka('carol', 'delete-account', '--password-file', rig.password_file('a wrong guess'), code=1)
    rig.galka('carol', 'delete-account', '--password-file', rig.password_file())
    rig.galka('carol', 'whoami', code=4)
    rig.galka('carol', 'signin', 'carol', '--password-file', rig.password_file(), code=1)
    expect_equal(rig.galka_json('bob', 'people', 'carol'), [], 'nobody finds her')


class AccountsRig(Rig):
    def __enter__(self):
        self.main = self.server('--dev', '--registration', 'invite', '--member-invites').start()
        return self


sys.exit(suite.run(AccountsRig))
