"""Values say when they are freed, in a child that forgets its transport or just ends (argument)."""

from __future__ import annotations

import gc
import os
import sys

from paltabrain_fast.transport.per_process import PerProcess


class Value:
    def __init__(self, owner: str) -> None:
        self.text = f"{owner}'s\n".encode()
        self.write = os.write  # also at the end, when modules are gone

    def __del__(self) -> None:
        self.write(1, self.text)


owner = "parent"
values = [PerProcess(lambda: Value(owner))]
values[0].get()
pid = os.fork()
if pid == 0:
    owner = "child"
    values[0].get()
    if sys.argv[1] == "forgets":
        values.clear()
        gc.collect()
else:
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
