#!/usr/bin/python3
"""Two people: they sign up, find each other and talk, each in front of a terminal. See rig.py for the arguments."""
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time

from rig import PASSWORD, Rig
from tap import Suite, expect, expect_equal, wait_until

suite = Suite()
case = suite.case
READ_COLOUR = '36'


def chat(rig, profile, room, **options):
    screen = rig.galka_screen(profile, 'chat', room, **options)
    screen.wait_for(lambda screen: screen.line_with('>'), f'{profile} sees a prompt')
    return screen


def shows_tick(screen, text, tick, colour=''):
    """Does the line with the text begin with that tick, in that colour?"""
    return screen.shows(text, tick.ljust(3), colour)


@case
def sign_up(rig):
    """two people sign up with the codes that the server in dev mode prints"""
    for name in ('alice', 'bob'):
        signup = rig.sign_up(rig.main, name)
        expect(signup.out.find(f'Signed in as @{name}'), f'greeting of {name}: {signup.out.lines}')
        expect_equal(rig.galka_json(name, 'whoami')[0]['user_name'], name, 'whoami')


@case
def sign_up_on_a_terminal(rig):
    """on a terminal sign-up asks one thing after the other, and never shows the password"""
    screen = rig.galka_screen('carol', '--server', f'127.0.0.1:{rig.main.port}', 'signup')
    asked = {}
    for question, answer in (('E-mail', 'not an address'), ('E-mail', 'carol@example.org'), ('User name (', 'c'),
                             ('User name (', 'carol'), ('as others see it', 'Carol C.'), ('Password', 'short'),
                             ('Password', PASSWORD)):
        asked[question] = asked.get(question, 0) + 1
        screen.wait_for(lambda screen: question in screen.text().split('\n')[-1]
                        and screen.text().count(f'{question}') == asked[question], question)
        screen.type(answer + '\r')
    screen.wait_for(lambda screen: screen.line_with('code from the mail'), 'the question for the code')
    screen.type(rig.main.code_for('carol@example.org') + '\r')
    screen.wait_for(lambda screen: screen.line_with('Signed in as @carol'), 'the greeting')
    expect_equal(screen.finish(), 0, 'exit code')
    expect(PASSWORD not in screen.text(), f'the password is on the screen:\n{screen.text()}')
    expect('3 to 32' in screen.text() and 'at least 8' in screen.text(), f'reasons are given:\n{screen.text()}')


@case
def find(rig):
    """they find each other by the beginning of a name, folded"""
    found, = rig.galka_json('alice', 'people', 'BO')
    expect_equal((found['user_name'], found['display_name']), ('bob', 'Bob'), 'people BO')
    expect('@alice' in rig.galka('bob', 'people', '@ali'), 'people @ali')
    expect('Nobody' in rig.galka('bob', 'people', 'zzz'), 'people zzz')


@case
def ticks(rig):
    """a line on the terminal gets ✓, then ✓✓, then its colour, in place"""
    alice = chat(rig, 'alice', '@bob')
    alice.type('hello bob\r')
    alice.wait_for(lambda screen: shows_tick(screen, 'hello bob', '✓'), 'one tick')
    row = alice.line_with('hello bob')[0]
    expect(not alice.line_with('hello bob')[1].startswith('✓✓'), 'one tick, not two')
    # tail receives what comes; only a chat reads it.
    tail = rig.galka_start('bob', '--json', 'tail')
    alice.wait_for(lambda screen: shows_tick(screen, 'hello bob', '✓✓'), 'two ticks')
    tail.signal(15)
    expect_equal(tail.wait(), 0, 'exit code of tail')
    rows = [row for row in tail.json() if row['text'] == 'hello bob']
    expect_equal(len(rows), 1, f'tail shows it once: {tail.out.lines}')
    bob = chat(rig, 'bob', '@alice')
    bob.wait_for(lambda screen: screen.line_with('hello bob'), 'bob sees it')
    alice.wait_for(lambda screen: shows_tick(screen, 'hello bob', '✓✓', READ_COLOUR), 'coloured ticks')
    expect_equal(alice.line_with('hello bob')[0], row, 'the line that was changed')
    expect_equal(alice.text().count('hello bob'), 1, 'how often it is on the screen')
    bob.type('hello alice\r')
    alice.wait_for(lambda screen: screen.line_with('hello alice'), 'the answer')
    bob.wait_for(lambda screen: shows_tick(screen, 'hello alice', '✓✓', READ_COLOUR), 'its coloured ticks')
    for screen in (alice, bob):
        screen.type('\x04')
        expect_equal(screen.finish(), 0, 'exit code of chat')


@case
def typing_is_not_disturbed(rig):
    """what comes appears above the line that is being typed; editing goes on"""
    alice, bob = chat(rig, 'alice', '@bob'), chat(rig, 'bob', '@alice')
    alice.type('half a sentense')
    alice.wait_for(lambda screen: screen.line_with('half a sentense'), 'her typing')
    bob.type('interrupting\r')
    alice.wait_for(lambda screen: screen.line_with('interrupting') and screen.line_with('half a sentense'), 'his message')
    row, line = alice.line_with('half a sentense')
    expect_equal((line, row), ('> half a sentense', alice.line_with('interrupting')[0] + 1), 'the typed line is below')
    alice.type('\x7f\x7fce\x01very \x05!\r')  # backspace, to the start, to the end
    bob.wait_for(lambda screen: screen.line_with('very half a sentence!'), 'the edited line')
    long = 'word ' * 40
    alice.type(long + '\r')
    bob.wait_for(lambda screen: 'word word' in screen.text(), 'a line longer than the screen')
    alice.wait_for(lambda screen: screen.line_with('word') and any(line.startswith('✓✓') and 'word' in line
                   for line in screen.text().split('\n')), 'ticks of a line longer than the screen')
    alice.type('после\r')
    bob.wait_for(lambda screen: screen.line_with('после'), 'a line in Russian')
    alice.wait_for(lambda screen: shows_tick(screen, 'после', '✓✓', READ_COLOUR), 'its ticks')
    for screen in (alice, bob):
        screen.type('\x03')
        expect_equal(screen.finish(), 0, 'exit code of chat')


@case
def window_changes(rig):
    """ticks find their line also after the window was made narrower"""
    alice, bob = chat(rig, 'alice', '@bob'), chat(rig, 'bob', '@alice')
    alice.resize(20, 60)
    alice.type('in a narrow window\r')
    alice.wait_for(lambda screen: shows_tick(screen, 'in a narrow window', '✓✓', READ_COLOUR), 'its ticks')
    alice.type('x' * 100 + '\r')
    bob.wait_for(lambda screen: screen.line_with('xxxx'), 'a long line')
    alice.type('the last\r')
    alice.wait_for(lambda screen: shows_tick(screen, 'the last', '✓✓', READ_COLOUR), 'ticks of the last')


@case
def nobody_moves_my_cursor(rig):
    """control characters in a message are shown as dots"""
    alice = chat(rig, 'alice', '@bob')
    rig.galka('bob', 'send', '@alice', 'evil \033[2J\r\u202e text')
    alice.wait_for(lambda screen: screen.line_with('evil ·[2J·· text'), 'dots')
    alice.type('\x04')  # at once: what was seen is read all the same
    expect_equal(alice.finish(), 0, 'exit code of chat')
    expect_equal(rig.galka_json('bob', 'history', '@alice', '--count', 1)[0]['state'], 'read', 'his tick')
    expect('\033[2J' not in rig.galka('alice', 'history', '@bob'), 'history is safe too')
    got = rig.galka_json('alice', 'history', '@bob', '--count', 1)[0]['text']
    expect_equal(got, 'evil \033[2J\r\u202e text', 'JSON carries the text as it was')


@case
def json_output(rig):
    """rooms, history, devices and send as JSON lines, with states and counts"""
    sent, = rig.galka_json('bob', 'send', '@alice', 'one "quoted" \\ line\nand another — ё')
    expect_equal(sent['state'], 'sent', 'send')
    history = rig.galka_json('alice', 'history', '@bob')
    expect_equal(history[-1]['text'], 'one "quoted" \\ line\nand another — ё', 'history')
    expect_equal([row['seq'] for row in history], list(range(history[0]['seq'], history[-1]['seq'] + 1)), 'numbers')
    expect_equal((history[-1]['id'], history[-1]['seq']), (sent['id'], sent['seq']), 'id and number')
    expect_equal(history[-1]['sender_name'], 'bob', 'sender')
    room, = [room for room in rig.galka_json('alice', 'rooms') if room['name'] == '@bob']
    expect_equal((room['room'], room['head'], room['unread']), (sent['room'], sent['seq'], 1), 'the room')

    def delivered():
        rig.galka('alice', 'rooms')  # a short command may end before its mark is sent; the next one sends it
        return rig.galka_json('bob', 'history', '@alice')[-1]['state'] == 'delivered'

    wait_until(delivered, 'state of his own')
    device, = rig.galka_json('alice', 'devices')
    expect(device['current'] and device['name'].startswith('terminal on'), f'device: {device}')


@case
def plain_output(rig):
    """the same for people: names, times, ticks, unread"""
    expect('1 unread' in rig.galka('alice', 'rooms'), 'rooms')
    expect(rig.galka('bob', 'history', '@alice', '--count', 1).startswith('✓✓ '), 'history with ticks')
    rig.galka('alice', 'send', 'me', 'a note')
    expect('a note' in rig.galka('alice', 'history', 'me'), 'a note to oneself')
    expect_equal(rig.galka('carol', 'history', 'me'), '', 'a room without messages')
    expect('no link' not in rig.last_error, f'that there are none is no lack of a link: {rig.last_error}')


@case
def searches(rig):
    """messages are found by their words in any form, in a room and everywhere, and what stands around them is shown"""
    rig.galka('alice', 'send', '@bob', 'Ёлка и книги')
    rig.galka('bob', 'send', '@alice', 'where are the geese flying?')
    rig.galka('alice', 'send', 'me', 'flying goose, книгу')
    found = rig.galka_json('alice', 'search', 'книгами', 'елка')
    expect_equal([(row['type'], row['text'], row['sender_name']) for row in found], [('hit', 'Ёлка и книги', 'alice')], 'all words')
    texts = [row['text'] for row in rig.galka_json('alice', 'search', 'FLY')]
    expect_equal(texts, ['flying goose, книгу', 'where are the geese flying?'], 'everywhere, newest first')
    hit, = rig.galka_json('alice', 'search', 'fly', '--room', '@bob')
    expect_equal(hit['text'], 'where are the geese flying?', 'in one room')
    expect_equal(len(rig.galka_json('alice', 'search', 'fly', '--count', 1)), 1, 'as many as are asked for')
    around = rig.galka_json('alice', 'around', '@bob', hit['seq'], '--count', 4)
    expect_equal([row['seq'] for row in around][-2:], [hit['seq'] - 1, hit['seq']], 'the messages around it')
    day = time.strftime('%Y-%m-%d', time.gmtime(hit['time_ms'] // 1000 - 86400))
    expect_equal(rig.galka_json('alice', 'around', '@bob', day)[0]['seq'], 1, 'a day before all of them')
    expect('[@bob]' in rig.galka('alice', 'search', 'geese'), 'for people: which room')
    expect('Nothing found' in rig.galka('alice', 'search', 'swan'), 'nothing')
    for words, said in ((('?!',), 'no word'), (('x' * 300,), 'too much'), ((' '.join('abcdefghijklmnopq'),), 'too much')):
        rig.galka('alice', 'search', *words, code=1)
        expect(said in rig.last_error, f'{words}: {rig.last_error}')
    rig.galka('alice', 'around', '@bob', 'yesterday', code=2)
    rig.galka('alice', 'edit', '@bob', str(found[0]['seq']), 'Сосна', '--wait')
    expect_equal(rig.galka_json('alice', 'search', 'ёлка'), [], 'an edited text')


@case
def another_day(rig):
    """messages of another day have its date, those of another year its year"""
    rig.galka('carol', 'send', 'me', 'long ago')
    database = sqlite3.connect(os.path.join(rig.folder, 'profiles', 'carol', 'galka.db'))
    key, value = next(row for row in database.execute('SELECT key, value FROM records') if b'long ago' in row[1] and row[0][:1] == b'M')
    row = rig.definition.decode('row', value[1:])  # before it is the record's version
    today = row['time_ms'] // 1000
    for days, form in ((0, '%H:%M'), (400, '%d %b %Y')):
        row['time_ms'] = (today - days * 86400) * 1000
        database.execute('UPDATE records SET value = ? WHERE key = ?', (value[:1] + rig.definition.encode('row', row), key))
        database.commit()
        clock = time.strftime(form, time.gmtime(today - days * 86400))
        expect(f' {clock} carol  long ago' in rig.galka('carol', 'history', 'me'), f'{clock} in: {rig.galka("carol", "history", "me")}')
    database.close()


@case
def chat_through_a_pipe(rig):
    """chat in a pipe sends every line and prints what comes"""
    piped = rig.galka('bob', 'chat', '@alice', stdin='first of two\nsecond of two\n')
    expect('first of two' in piped and '\033' not in piped, f'its output: {piped!r}')
    texts = [row['text'] for row in rig.galka_json('alice', 'history', '@bob', '--count', 2)]
    expect_equal(texts, ['first of two', 'second of two'], 'in order')


@case
def altering(rig):
    """reply, edit and delete, with what the other one sees; numbers that are not his, or none, are refused"""
    first, = rig.galka_json('bob', 'send', '@alice', 'tee?')
    number = str(first['seq'])
    last = lambda who, whom: rig.galka_json(who, 'history', whom)[-1]
    rig.galka('bob', 'edit', '@alice', number, 'tea?')
    expect_equal(last('alice', '@bob')['text'], 'tea?', 'edited')
    expect(last('alice', '@bob')['edited_ms'] >= last('alice', '@bob')['time_ms'], 'when')
    rig.galka('alice', 'reply', '@bob', number, 'yes')
    expect_equal((last('bob', '@alice')['text'], last('bob', '@alice')['reply_to']), ('yes', first['seq']), 'the reply')
    expect(f'(re {number}) yes' in rig.galka('bob', 'history', '@alice'), 'the reply, for people')
    expect(f' {number} bob  tea? (edited)' in rig.galka('alice', '--numbers', 'history', '@bob'), 'edited, for people')
    rig.galka('alice', 'edit', '@bob', number, 'coffee?', code=1)
    rig.galka('alice', 'delete', '@bob', number, code=1)
    rig.galka('bob', 'delete', '@alice', '999999', code=1)
    for word in ('0', 'x', '-1', '1x', ''):
        rig.galka('bob', 'delete', '@alice', word, code=2)
    rig.galka('bob', 'edit', '@alice', number, '', code=1)
    rig.galka('bob', 'delete', '@alice', number)
    rig.galka('bob', 'delete', '@alice', number, code=1)
    row = [row for row in rig.galka_json('alice', 'history', '@bob') if row['seq'] == first['seq']][0]
    expect_equal((row['text'], row['deleted'], 'edited_ms' in row), ('', True, False), 'deleted')
    expect('(deleted)' in rig.galka('alice', 'history', '@bob'), 'deleted, for people')
    for name in ('alice', 'bob'):
        for line in rig.galka_json(name, 'outbox'):
            rig.galka(name, 'discard', line['id'])


@case
def reactions(rig):
    """react, another one, and none; counted, with one's own; what cannot be one, or is about no message, is refused"""
    first, = rig.galka_json('bob', 'send', '@alice', 'the roof again')
    number = str(first['seq'])
    seen = lambda who, whom: [row for row in rig.galka_json(who, 'history', whom) if row['seq'] == first['seq']][0]
    rig.galka('alice', 'react', '@bob', number, '👍')
    rig.galka('bob', 'react', '@alice', number, '👍')
    row = seen('alice', '@bob')
    expect_equal((row['reactions'], row['reacted']), ([{'emoji': '👍', 'people': 2}], '👍'), 'both')
    rig.galka('bob', 'react', '@alice', number, '❤️')
    row = seen('bob', '@alice')
    expect_equal(row['reactions'], [{'emoji': '👍', 'people': 1}, {'emoji': '❤️', 'people': 1}], 'another one')
    expect_equal((row['reacted'], seen('alice', '@bob')['reacted']), ('❤️', '👍'), 'to each his own')
    expect('the roof again  [👍 1*, ❤️ 1]' in rig.galka('alice', 'history', '@bob'), 'for people')
    rig.galka('bob', 'react', '@alice', number)
    row = seen('bob', '@alice')
    expect_equal((row['reactions'], 'reacted' in row), ([{'emoji': '👍', 'people': 1}], False), 'taken back')
    rig.galka('bob', 'react', '@alice', number, 'two words', code=1)
    rig.galka('bob', 'react', '@alice', number, 'x' * 49, code=1)
    rig.galka('bob', 'react', '@alice', '999999', '👍', code=1)
    rig.galka('bob', 'react', '@alice', '0', '👍', code=2)
    for line in rig.galka_json('bob', 'outbox'):
        rig.galka('bob', 'discard', line['id'])


@case
def pins(rig):
    """messages are pinned and unpinned, the newest pin comes first, in a group an owner or admin does it, and the fifty-first is refused"""
    numbers = [str(rig.galka_json('alice', 'send', '@bob', text)[0]['seq']) for text in ('the key is under the mat', 'bread, milk', 'nothing')]
    pinned = lambda who, whom: [row['text'] for row in rig.galka_json(who, 'pins', whom)]
    expect('Nothing is pinned' in rig.galka('bob', 'pins', '@alice'), 'none yet')
    rig.galka('bob', 'pin-message', '@alice', numbers[0], '--wait')
    rig.galka('alice', 'pin-message', '@bob', numbers[1], '--wait')
    rig.galka('bob', 'react', '@alice', numbers[1], '👍', '--wait')
    expect_equal(pinned('bob', '@alice'), ['bread, milk', 'the key is under the mat'], 'newest pin first')
    first, second = rig.galka_json('alice', 'pins', '@bob')
    expect((first['type'], first['pinned'] > second['pinned'], first['reactions']) == ('pin', True, [{'emoji': '👍', 'people': 1}]), f'a pin: {first}')
    expect_equal([row['text'] for row in rig.galka_json('alice', 'history', '@bob') if 'pinned' in row],
                 ['the key is under the mat', 'bread, milk'], 'marked in the history')
    expect('bread, milk (pinned)  [👍 1' in rig.galka('alice', 'pins', '@bob', '--count', 1), 'for people')
    rig.galka('bob', 'unpin-message', '@alice', numbers[1], '--wait')
    rig.galka('alice', 'delete', '@bob', numbers[0], '--wait')
    expect_equal(pinned('alice', '@bob'), [], 'unpinned and deleted')
    for word, code in (('999999', 1), ('x', 2)):
        rig.galka('bob', 'pin-message', '@alice', word, code=code)
    group = rig.galka_json('alice', 'group', 'Pinners', '@bob')[0]['room']
    number = str(rig.galka_json('bob', 'send', group, 'may I?')[0]['seq'])
    rig.galka('bob', 'pin-message', group, number, code=1)
    expect('no right' in rig.last_error, f'a member may not: {rig.last_error}')
    rig.galka('alice', 'pin-message', group, number, '--wait')
    expect_equal(pinned('bob', group), ['may I?'], 'an owner may')
    piped = rig.galka('alice', 'chat', 'me', stdin=''.join(f'note {number}\n' for number in range(51)))
    expect('note 50' in piped, 'notes')
    notes = [str(row['seq']) for row in rig.galka_json('alice', 'history', 'me', '--count', 51)]
    for number in notes[:50]:
        rig.galka('alice', 'pin-message', 'me', number, '--wait')
    rig.galka('alice', 'pin-message', 'me', notes[50], '--wait', code=1)
    expect('50 messages are pinned there' in rig.last_error, f'too many: {rig.last_error}')
    expect_equal(len(pinned('alice', 'me')), 50, 'all of them')
    for name in ('alice', 'bob'):
        for line in rig.galka_json(name, 'outbox'):
            rig.galka(name, 'discard', line['id'])


@case
def forwarding(rig):
    """a text goes on with its author's name, which stays when it goes on again; it is not edited"""
    first, = rig.galka_json('bob', 'send', '@alice', 'four jackdaws')
    rig.galka_json('alice', 'history', '@bob')
    rig.galka('alice', 'forward', '@bob', str(first['seq']), 'me')
    row = rig.galka_json('alice', 'history', 'me')[-1]
    expect_equal(row['text'], 'four jackdaws', 'the copy')
    expect('bob' in row['origin'].lower(), f'whose it is: {row}')
    rig.galka('alice', 'forward', 'me', str(row['seq']), '@bob')
    again = rig.galka_json('bob', 'history', '@alice')[-1]
    expect_equal((again['text'], again['origin']), ('four jackdaws', row['origin']), 'whose it was at first')
    expect(f'(forwarded from {row["origin"]}) four jackdaws' in rig.galka('bob', 'history', '@alice'), 'for people')
    rig.galka('alice', 'edit', '@bob', str(again['seq']), 'five', code=1)
    rig.galka('alice', 'forward', '@bob', '999999', 'me', code=1)
    for line in rig.galka_json('alice', 'outbox'):
        rig.galka('alice', 'discard', line['id'])


@case
def from_standard_input(rig):
    """send - takes the text from standard input, up to the limit"""
    rig.galka('bob', 'send', '@alice', '-', stdin='line one\nline two\n')
    expect_equal(rig.galka_json('alice', 'history', '@bob', '--count', 1)[0]['text'], 'line one\nline two', 'its text')
    rig.galka('bob', 'send', '@alice', '-', stdin='x' * 16384)
    expect_equal(len(rig.galka_json('alice', 'history', '@bob', '--count', 1)[0]['text']), 16384, 'the longest')
    rig.galka('bob', 'send', '@alice', '-', stdin='x' * 16385, code=1)
    expect('16384' in rig.last_error, f'why not: {rig.last_error}')


@case
def exit_codes(rig):
    """every refusal has its exit code and says why in one line"""
    bad_server = ('--server', '127.0.0.1:1')
    profile = '/dev/null/profile'
    for code, words, who, arguments in (
            (1, 'nobody here is called @zed', 'alice', ('send', '@zed', 'hello')),
            (1, 'empty', 'alice', ('send', '@bob', '')),
            (1, 'that user name is taken', 'dave',
             ('--server', f'127.0.0.1:{rig.main.port}', 'signup', '--email', 'd@example.org', '--name', 'ALICE', '--password-file',
              rig.password_file())),
            (1, 'wrong name or password', 'dave', ('signin', 'alice', '--password-file', rig.password_file('wrong wrong'))),
            (1, 'no such device', 'alice', ('signout', '5')),
            (1, 'signed in already', 'alice', ('signin', 'bob', '--password-file', rig.password_file())),
            (2, 'no command', 'alice', ('frobnicate',)),
            (2, 'usage: galka send', 'alice', ('send', '@bob')),
            (2, 'no flag', 'alice', ('--frob', 'rooms')),
            (2, 'from 1 to 1000', 'alice', ('history', '@bob', '--count', '0')),
            (2, 'is no room', 'alice', ('history', 'bob')),
            (2, 'is no server', 'alice', ('--server', 'x:99999', 'rooms')),
            (2, 'is no device', 'alice', ('signout', 'laptop')),
            (3, 'no server answers', 'erin', bad_server + ('signin', 'alice', '--password-file', rig.password_file())),
            (4, 'nobody is signed in here', 'erin', ('rooms',)),
            (6, 'cannot make the folder', 'alice', ('--profile', profile, 'rooms'))):
        rig.galka(who, *arguments, code=code)
        expect(words in rig.last_error and rig.last_error.count('\n') == 1, f'{arguments}: {rig.last_error}')
    rig.galka('alice', 'rooms')  # the server that was none was not kept
    tail = rig.galka_leader('alice', '--json', 'tail')
    for arguments in (('people', 'bob'), ('chat', '@bob'), ('signout',), ('tail',)):
        rig.galka('alice', *arguments, code=5)
    tail.signal(15)
    expect_equal(tail.wait(), 0, 'exit code of tail')


@case
def first_words(rig):
    """who opened a chat before anything was said there sees the first message under its sender's name"""
    for name in ('fred', 'gina'):
        rig.sign_up(rig.main, name)
    fred, gina = chat(rig, 'fred', '@gina'), chat(rig, 'gina', '@fred')
    fred.type('hello gina\r')
    gina.wait_for(lambda screen: screen.line_with('hello gina'), 'the first message')
    line = gina.line_with('hello gina')[1]
    expect('fred' in line and 'user' not in line, f'its line: {line}')
    for screen in (fred, gina):
        screen.type('\x04')
        expect_equal(screen.finish(), 0, 'exit code of chat')


@case
def first_words_in_tail(rig):
    """tail shows the first messages of people never heard of under their names, each chat in order, and no name keeps another back"""
    for name in ('henry', 'irene', 'jack'):
        rig.sign_up(rig.main, name)
    tail = rig.galka_leader('henry', '--json', 'tail')
    for number in range(3):
        rig.galka('irene', 'send', '@henry', f'irene {number}')
        rig.galka('jack', 'send', '@henry', f'jack {number}')
    rows = wait_until(lambda: len(tail.json()) == 6 and tail.json(), 'six messages')
    for name in ('irene', 'jack'):
        texts = [row['text'] for row in rows if row['sender_name'] == name]
        expect_equal(texts, [f'{name} {number}' for number in range(3)], f'what is shown as said by {name}')
    tail.signal(signal.SIGTERM)
    expect_equal(tail.wait(), 0, 'exit code of tail')


@case
def help_text(rig):
    """help names every command and flag; without a command it is an error"""
    text = rig.galka('alice', 'help')
    for word in ('signup', 'chat ROOM', 'send ROOM TEXT|-', '--server', 'man ', 'exit codes', '6 the profile cannot'):
        expect(word in text, f'help names {word}')
    expect(max(map(len, text.splitlines())) <= 120, 'help fits the screen')
    starts = {line[27] == ' ' and line[28] != ' ' for line in text[:text.index('exit codes')].splitlines() if line.startswith('  ')}
    russian = subprocess.run(rig.galka_arguments('alice', 'help'), env=rig.environment() | {'LC_ALL': 'ru_RU.UTF-8'}, capture_output=True,
                             text=True, timeout=30, check=True).stdout
    for line in russian.splitlines():
        expect(not line or re.search('[а-яё]', line), f'this is Russian: {line}')
    expect(max(map(len, russian.splitlines())) <= 120, 'it fits the screen too')
    expect_equal(starts, {True}, f'what each does begins in one column: {text}')
    rig.galka('alice', code=2)
    expect('usage: galka' in rig.last_error, 'usage')


class TalkRig(Rig):
    def __enter__(self):
        self.main = self.server('--dev').start()
        return self


sys.exit(suite.run(TalkRig))
