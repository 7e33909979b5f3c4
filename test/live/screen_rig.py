"""What suites of the full screen stand on: galka under tmux, and what people see kept in build/screens/."""
import os
import time

from rig import Rig
from tmux import Tmux

SMALL, LARGE = (24, 80), (60, 200)


def row_with(screen, text):
    """The chat's part of the last line with the text (the list is to its left)."""
    line = screen.line_with(text) or ''
    return line.split('│')[1] if '│' in line else line


class ScreenRig(Rig):
    options = ()

    def prepare(self):
        """Before the server starts."""

    def __enter__(self):
        self.main = self.server('--dev', *self.options)
        self.prepare()
        self.main.start()
        self.tmux = Tmux(self.folder)
        self.kept = os.path.join(os.path.dirname(self.folder), 'screens')
        os.makedirs(self.kept, exist_ok=True)
        self.count = 0
        for name in ('alice', 'bob'):
            self.sign_up(self.main, name)
        return self

    def __exit__(self, *details):
        self.tmux.end()
        super().__exit__(*details)

    def end_case(self):
        self.tmux.end_terminals()
        super().end_case()

    def screen(self, profile, *arguments, size=SMALL, language='C.UTF-8', environment=None):
        """galka on a terminal of its own; the first argument that is no flag is a room."""
        words = ['screen', *arguments] if arguments and not arguments[0].startswith('--') else arguments
        clean = {name: value for name, value in self.environment().items() if name in ('PATH', 'HOME', 'TZ')}
        clean |= {'LANG': language, 'TERM': 'tmux-256color'} | (environment or {})
        self.count += 1
        return self.tmux.start(f'{profile}-{self.count}', self.galka_arguments(profile, *words), clean, *size)

    def keep(self, terminal, name):
        """Leaves what is seen in build/screens/."""
        time.sleep(0.2)
        with open(os.path.join(self.kept, f'{name}.txt'), 'w', encoding='utf-8') as file:
            file.write(terminal.coloured())

    def escape(self, terminal):
        terminal.keys('Escape')
        time.sleep(0.5)  # or it is Alt with the key that follows

    def leave(self, terminal):
        terminal.keys('C-q')
        terminal.see('ended with 0')
        terminal.end()
