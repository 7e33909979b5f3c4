"""What the live suites stand on: real galkad and galka processes in a folder of their own, on free ports, and their end.

A suite is called with GALKAD GALKA ROOT FOLDER: the two programs, the source tree, and a folder on a real disk.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import zlib

import wire
from screen import Screen
from tap import expect, expect_equal, wait_until

PASSWORD = 'correct horse battery staple'
# Hashing a password takes 64 MiB by default; these suites are not about that.
OPTIONS = ['--password-kib', '1024', '--log-level', 'info', '--registration', 'open']


class Lines:
    """Reads a stream in the background, so that nobody blocks on a full pipe."""

    def __init__(self, stream):
        self.stream, self.lines = stream, []
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in self.stream:
            self.lines.append(line.decode(errors='replace').rstrip('\n'))

    def ended(self):
        """No more comes: who said his last word may have ended before it is here."""
        return not self.thread.is_alive()

    def find(self, pattern):
        for line in list(self.lines):
            if found := re.search(pattern, line):
                return found
        return None


class Process:
    """A child with its output in lines."""

    def __init__(self, arguments, **options):
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        **options)
        self.out, self.err = Lines(self.process.stdout), Lines(self.process.stderr)

    def runs(self):
        return self.process.poll() is None

    def say(self, line):
        self.process.stdin.write(line.encode() + b'\n')
        self.process.stdin.flush()

    def signal(self, number):
        if self.runs():
            self.process.send_signal(number)

    def wait(self, seconds=20.0):
        """The exit code, once everything it wrote was read."""
        code = self.process.wait(seconds)
        self.out.thread.join(seconds)
        self.err.thread.join(seconds)
        return code

    def end(self):
        self.signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()

    def json(self):
        return [json.loads(line) for line in list(self.out.lines)]


class User:
    """An imported account."""

    def __init__(self, line):
        self.name, user, device, token = line.split('\t')
        self.user, self.device, self.token = int(user), int(device), bytes.fromhex(token)


class Server:
    def __init__(self, rig, name, options):
        self.rig, self.options, self.port, self.process = rig, options, 0, None
        self.folder = os.path.join(rig.folder, name)

    def arguments(self, *more):
        return [self.rig.galkad, *more, '--data', self.folder, '--port', str(self.port), *OPTIONS, *self.options]

    def add_users(self, *names):
        """Imports accounts while the server does not run."""
        path = os.path.join(self.rig.folder, 'users.tsv')
        with open(path, 'w', encoding='utf-8') as file:
            for name in names:
                file.write(f'{name}\t{name}@example.org\t{name.capitalize()}\n')
        done = subprocess.run(self.arguments('user', 'import', path), capture_output=True, text=True, check=True)
        return [User(line) for line in done.stdout.splitlines()]

    def start(self, **options):
        """Starts it and returns once it listens; it keeps its port from then on."""
        self.process = self.rig.start(self.arguments('all'), **options)
        found = wait_until(lambda: self.process.out.find(r'listening on .*:(\d+)') or not self.process.runs(),
                           'galkad listens', 30)
        expect(found is not True, f'galkad ended at once: {self.process.err.lines}')
        self.port = int(found[1])
        return self

    def stop(self, seconds=20.0):
        """Ends it gracefully. Returns its exit code."""
        self.process.signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def kill(self):
        self.process.end()

    def runs(self):
        return self.process is not None and self.process.runs()

    def code_for(self, email, nth=1):
        """The code in the nth letter with one to that address."""
        pattern = re.compile(rf'code for {re.escape(email)}: (\d+)')

        def codes():
            return [found[1] for found in map(pattern.search, list(self.process.out.lines)) if found]
        return wait_until(lambda: codes()[nth - 1:nth], f'a code for {email}')[0]

    def memory_kib(self):
        """What is its own and in memory."""
        with open(f'/proc/{self.process.process.pid}/status', encoding='ascii') as lines:
            return sum(int(line.split()[1]) for line in lines if line.startswith(('RssAnon:', 'VmSwap:')))

    def check(self):
        """Looks through the database of the stopped server."""
        done = subprocess.run(self.arguments('check'), capture_output=True, text=True, timeout=60, check=False)
        expect_equal(done.returncode, 0, f'galkad check: {done.stdout}{done.stderr}')
        return dict(part.split('=') for part in done.stdout.split())

    def client(self, **options):
        """A connection that said Hello."""
        client = wire.Client(self.rig.definition, self.port, **options)
        expect_equal(client.hello().name, 'welcome', 'answer to Hello')
        return client

    def joined(self, user, **options):
        client = self.client(**options)
        expect_equal(client.join(user).name, 'joined', f'answer to Join of {user.name}')
        return client

    def serves(self, user, room=None):
        """A healthy client writes into its self room (or another), is answered and finds the row there."""
        text = f'still here {wire.new_id().hex()}'
        room = room or wire.personal_room(user.user, user.user)
        with self.joined(user) as client:
            written = client.write(room, text)
            expect_equal(written.name, 'written', f'answer to a healthy client ({written})')
            outcome, = written.body['outcomes']
            expect_equal(outcome.get('status', 0), 0, 'outcome of a healthy client')
            page = client.ask('changes', {'after': outcome['seq'] - 1, 'limit': 1}, room=room)
            expect_equal(page.body['rows'][0]['text'], text, 'the row of a healthy client')
        return outcome['seq']


class Rig:
    def __init__(self):
        arguments = [argument for argument in sys.argv[1:] if not argument.startswith('only=')]
        self.galkad, self.galka_program, root, parent = map(os.path.abspath, arguments)
        self.folder = tempfile.mkdtemp(prefix='live-', dir=parent)
        self.definition = wire.Definition(root)
        with open(self.galkad, 'rb') as program:
            code = program.read()
        self.sanitized = b'__asan_init' in code or b'__tsan_init' in code  # then memory is not what it would be
        self.processes, self.servers, self.screens = [], [], []
        self.last_error = ''  # what the last galka wrote on standard error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end_case()
        for process in self.processes:
            process.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def end_case(self):
        """After each case: no terminal of it goes on leading a profile."""
        for screen in self.screens:
            screen.end()
        self.screens.clear()

    def error(self, name):
        return self.definition.errors[name]

    def start(self, arguments, **options):
        process = Process(arguments, **options)
        self.processes.append(process)
        return process

    def server(self, *options, name='server'):
        server = Server(self, name, options)
        self.servers.append(server)
        return server

    def expect_grown(self, server, before_kib, limit_kib):
        """The server has grown by at most so much; returns by how much."""
        grown = server.memory_kib() - before_kib
        expect(self.sanitized or grown <= limit_kib, f'memory has grown by {grown} KiB')
        return grown

    def diagnosis(self):
        """What a failed case shows besides."""
        lines = []
        for server in self.servers:
            if server.process:
                lines.append(f'{os.path.basename(server.folder)}: {"runs" if server.runs() else "has ended"}')
                lines += server.process.err.lines[-8:]
        return lines

    # ---- the terminal client ----

    def galka_arguments(self, profile, *arguments):
        return [self.galka_program, '--profile', os.path.join(self.folder, 'profiles', profile), *map(str, arguments)]

    def environment(self):
        clean = {name: value for name, value in os.environ.items() if not name.startswith(('GALKA', 'XDG', 'NO_COLOR'))}
        return clean | {'TZ': 'UTC', 'LC_ALL': 'C.UTF-8', 'TERM': 'xterm'}

    def galka(self, profile, *arguments, code=0, stdin=None, timeout=30.0):
        """Runs a command to its end and returns its standard output; checks the exit code."""
        done = subprocess.run(self.galka_arguments(profile, *arguments), input=stdin or '', capture_output=True, text=True,
                              env=self.environment(), timeout=timeout, check=False)
        self.last_error = done.stderr
        if code is not None:
            expect_equal(done.returncode, code, f'galka {arguments}: {done.stdout}{done.stderr}')
        return done.stdout

    def galka_json(self, profile, *arguments, **options):
        return [json.loads(line) for line in self.galka(profile, '--json', *arguments, **options).splitlines()]

    def galka_screen(self, profile, *arguments, **options):
        """Runs a command on a terminal of its own."""
        screen = Screen(self.galka_arguments(profile, *arguments), self.environment(), **options)
        self.screens.append(screen)
        return screen

    def galka_start(self, profile, *arguments):
        return self.start(self.galka_arguments(profile, *arguments), env=self.environment())

    def galka_leader(self, profile, *arguments):
        """The same, and returns once it leads its profile, as the kernel's list of locks tells, and ends in order when it is told to."""
        process = self.galka_start(profile, *arguments)
        sigterm = 1 << (signal.SIGTERM - 1)

        def leads():
            with open('/proc/locks', encoding='ascii') as locks:
                if not any(line.split()[1] == 'FLOCK' and line.split()[4] == str(process.process.pid) for line in locks):
                    return False
            with open(f'/proc/{process.process.pid}/status', encoding='ascii') as status:
                return any(line.startswith('SigCgt:') and int(line.split()[1], 16) & sigterm for line in status)
        wait_until(leads, f'galka {arguments} leads')
        return process

    def password_file(self, password=PASSWORD):
        path = os.path.join(self.folder, f'password-{zlib.crc32(password.encode())}')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(password + '\n')
        return path

    def sign_up(self, server, name, profile=None):
        """Makes an account through the terminal client, with the code that the server in dev mode prints."""
        signup = self.galka_start(profile or name, '--server', f'127.0.0.1:{server.port}', 'signup', '--email',
                                  f'{name}@example.org', '--name', name, '--display', name.capitalize(), '--password-file',
                                  self.password_file())
        signup.say(server.code_for(f'{name}@example.org'))
        expect_equal(signup.wait(), 0, f'signup of {name}: {signup.out.lines}{signup.err.lines}')
        return signup
