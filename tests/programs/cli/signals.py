"""Says which signals it gets; ends at SIGUSR1, with the number of the others."""

import select
import signal
import sys

got: list[int] = []


def note(number: int, _frame: object) -> None:
    got.append(number)
    print(signal.Signals(number).name, flush=True)


for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(each, note)
signal.signal(signal.SIGUSR1, lambda *_: sys.exit(10 + len(got)))
print("ready", flush=True)
while True:  # one that comes just before a wait does not end that
    select.select([], [], [], 0.05)
