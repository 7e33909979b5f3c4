"""A backup of a server under load is restored elsewhere, and the clients that lived through it go on (must be so on every store). Who calls says
how the server is started and killed, and what its store holds."""
import json
import os
import time

from tap import expect, expect_equal, wait_until

SEED, PAUSE_MS = 3, 4
BEFORE_SECONDS, AFTER_SECONDS, ON_SECONDS = 3.0, 1.5, 2.0


class Load:
    """chaos_load, told what to do a line at a time."""

    def __init__(self, rig, program, port, users):
        self.process = rig.start([program, str(port), users, str(SEED), str(PAUSE_MS)])
        self.answers = 0
        expect_equal(self.answer(60)['ready'], 40, 'users that are there')

    def answer(self, seconds=30):
        lines = self.process.out.lines
        wait_until(lambda: len(lines) > self.answers or self.process.out.ended(), 'an answer of the load generator', seconds)
        expect(len(lines) > self.answers, f'the load generator has ended: {self.process.err.lines}')
        self.answers += 1
        return json.loads(lines[self.answers - 1])

    def ask(self, command, seconds=30):
        self.process.say(command)
        return self.answer(seconds)


def write_ids(path, ids):
    with open(path, 'w', encoding='ascii') as file:
        file.writelines(f'{text}\n' for text in ids)
    return path


def restored_under_load(rig, load, backup, kill, restore, ids, start):
    """backup() makes one while the load goes on; kill() ends the server at once; restore() puts the backup elsewhere; ids() are those of the
    messages in the restored store; start() starts a server there, on the same port."""
    time.sleep(BEFORE_SECONDS)
    load.ask('begin')
    saved = load.ask('save')['saved']
    begin = time.monotonic()
    backup()
    seconds = time.monotonic() - begin
    told = load.ask('tell')
    time.sleep(AFTER_SECONDS)
    kill()
    expect(load.ask('gone')['gone'], 'nobody has a link any more')
    restore()
    there = ids()
    forged = load.ask('missing ' + write_ids(os.path.join(rig.folder, 'ids'), there[1:]))
    expect_equal(forged['missing'], 1, 'the checker notices one that is missing')
    expect(forged['lost'] > 0, f'something was written after the backup: {forged}')
    found = load.ask('lost ' + write_ids(os.path.join(rig.folder, 'ids'), there))
    expect_equal(found['missing'], 0, 'what was acknowledged before the backup and is not in it')
    start()
    load.ask('back')
    time.sleep(ON_SECONDS)
    recovered = wait_until(lambda: (said := load.ask('tell'))['recovered'] == said['rooms'] and said, 'everybody goes on', 60)
    print(f'# {saved} acknowledged before the backup, {told["acknowledged"]} in the {seconds:.2f} s of it (longest silence '
          f'{told["longest_silence"]:.3f} s); in it {found["there"]}, after it and lost {found["lost"]}; '
          f'back after {recovered["recovery_p50"]:.2f} s, the slowest room after {recovered["recovery_p99"]:.2f} s', flush=True)
    rest = load.ask('rest', 150)
    expect_equal(rest['violations'], [], 'broken rules')
    expect_equal(rest['sent'], rest['acknowledged'], 'all is acknowledged')
    expect_equal(load.process.wait(30), 0, 'exit code of the load generator')
    return told, seconds
