"""How long this machine did not run us. The hosts of virtual machines stop them for seconds, or give their processors to others: that is no
failure of what is tried, and whoever judges times adds it to what he allows."""
import collections
import os
import threading
import time

TICK_SECONDS = 0.05
LATE_SECONDS = 0.15  # later than this is more than waiting for a processor among our own processes
STEAL_FIELD = 8      # of the first line of /proc/stat

Moment = collections.namedtuple('Moment', 'late stolen')


def stolen_seconds():
    """Given to others by the host while we had work; the mean of all processors."""
    with open('/proc/stat', encoding='ascii') as file:
        return int(file.readline().split()[STEAL_FIELD]) / os.sysconf('SC_CLK_TCK') / os.cpu_count()


class Host(threading.Thread):
    """Sleeps and looks at the clock."""

    def __init__(self):
        super().__init__(daemon=True)
        self.late, self.woken, self.ends = 0.0, time.monotonic(), threading.Event()
        self.start()

    def run(self):
        while not self.ends.wait(TICK_SECONDS):
            self.late, self.woken = self.late + self.lateness(), time.monotonic()

    def lateness(self):
        late = time.monotonic() - self.woken - TICK_SECONDS
        return late if late > LATE_SECONDS else 0.0

    def moment(self):
        return Moment(self.late + self.lateness(), stolen_seconds())

    def frozen_since(self, moment):
        now = self.moment()
        return max(now.late - moment.late, now.stolen - moment.stolen)

    def finish(self):
        self.ends.set()
        self.join()
