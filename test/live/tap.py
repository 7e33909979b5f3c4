"""TAP for the live suites: one line a case, so that a runner can count them.

A suite is a module whose cases are functions marked with @case; the docstring's first line is the case's name. A case gets
what the suite set up, and fails by any exception.
"""
import sys
import time
import traceback


class Skip(Exception):
    """What a case needs is not to be had here: why."""


class Suite:
    def __init__(self):
        self.cases = []

    def case(self, function):
        self.cases.append((function.__doc__.splitlines()[0], function))
        return function

    def run(self, open_rig):
        """Runs all cases in one rig. Returns the exit code. A word on the command line picks the cases that contain it."""
        word = sys.argv[-1] if sys.argv[-1].startswith('only=') else ''
        cases = [case for case in self.cases if word[len('only='):] in case[0]]
        bad = 0
        print(f'1..{len(cases)}', flush=True)
        with open_rig() as rig:
            for number, (name, function) in enumerate(cases, 1):
                start = time.monotonic()
                try:
                    function(rig)
                    verdict = 'ok'
                except Skip as skip:
                    verdict, name = 'ok', f'{name} # SKIP {skip}'
                except Exception:  # whatever went wrong is this case's failure, and the next case runs
                    verdict = 'not ok'
                    bad += 1
                    for line in traceback.format_exc().splitlines() + rig.diagnosis():
                        print(f'# {line}')
                rig.end_case()
                print(f'{verdict} {number} - {name}')
                print(f'# {time.monotonic() - start:.2f} s', flush=True)
        return 1 if bad else 0


def expect(condition, what):
    """Like assert, but never compiled out and with words."""
    if not condition:
        raise AssertionError(what)


def expect_equal(got, wanted, what):
    expect(got == wanted, f'{what}: got {got!r}, expected {wanted!r}')


def wait_until(condition, what, seconds=20.0):
    """Waits until condition() is true and returns what it returned."""
    end = time.monotonic() + seconds
    while True:
        got = condition()
        if got:
            return got
        expect(time.monotonic() < end, f'{what}: not within {seconds} s')
        time.sleep(0.02)
