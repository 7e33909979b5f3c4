#!/usr/bin/python3
"""fill.py ROOT PORT TSV NAME COUNT [FIRST]: writes COUNT messages, numbered from FIRST (1), to the user called NAME, as the first user that
`galkad user import` printed into the file TSV, sixteen a frame and some frames at once. Prints the seconds that it took. For tests of large rooms in a browser."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'live'))
import wire  # noqa: E402  pylint: disable=wrong-import-position

OPERATIONS = 16
FRAMES = 8  # not answered at once: one room's writes stay in order, for one connection's frames do
SENTENCES = ('Good morning', 'Did you see the jackdaws on the roof?', 'They came back, all of them.', 'Не забудь хлеб и молоко',
             'The train leaves at seven, platform four, and this time I will be there early enough to find a seat by the window.',
             'ok', 'https://example.org/a/page', '👍', 'Посмотри, какая луна', 'One line\nand another\nand the last one')


class User:
    def __init__(self, line):
        self.name, user, device, token = line.rstrip('\n').split('\t')
        self.user, self.device, self.token = int(user), int(device), bytes.fromhex(token)


def main():
    root, port, tsv, name, count = sys.argv[1:6]
    first = int(sys.argv[6]) if len(sys.argv) > 6 else 1
    with open(tsv, encoding='utf-8') as file:
        sender = User(file.readline())
    client = wire.Client(wire.Definition(root), int(port), timeout=60)
    client.hello()
    client.join(sender)
    found = client.ask('find', {'name': name}).body['people']
    room = wire.personal_room(sender.user, found[0]['user'])
    start, sent, waiting = time.monotonic(), 0, 0
    while sent < int(count) or waiting:
        while sent < int(count) and waiting < FRAMES:
            size = min(OPERATIONS, int(count) - sent)
            operations = [{'id': wire.new_id(), 'kind': 1, 'text': f'{first + sent + i}. {SENTENCES[(first + sent + i - 1) % len(SENTENCES)]}'} for i in range(size)]
            client.send('write', {'operations': operations}, request=wire.new_id(), room=room)
            sent, waiting = sent + size, waiting + 1
        answer = client.wait_for('written', 'error', timeout=60)
        wrong = answer.name == 'error' or any(outcome.get('status', 0) for outcome in answer.body['outcomes'])
        if wrong:
            sys.exit(f'refused: {answer}')
        waiting -= 1
    print(f'{time.monotonic() - start:.1f}')


main()
