"""Makes UUIDs in this process and in two children. ``forked_uuids python|libc``: whose fork."""

import ctypes
import os
import sys
from collections.abc import Callable

from paltabrain_fast._native.uuid7 import uuid_v7

FORKS: dict[str, Callable[[], int]] = {
    "python": os.fork,
    "libc": lambda: int(ctypes.PyDLL(None).fork()),  # which runs none of Python's hooks
}
fork = FORKS[sys.argv[1]]
uuid_v7()  # the generator holds entropy that a child must not use
readers = []
for _ in range(2):
    reader, writer = os.pipe()
    child = fork()
    if child == 0:
        os.write(writer, "\n".join(uuid_v7() for _ in range(1000)).encode())
        os._exit(0)
    os.close(writer)
    readers.append((child, reader))
made = [uuid_v7() for _ in range(1000)]
for child, reader in readers:
    with os.fdopen(reader) as pipe:
        made += pipe.read().split("\n")
    os.waitpid(child, 0)
assert len(set(made)) == 3000
# parent and children started from one state: only fresh randomness tells the tails apart
assert len({text[-8:] for text in made}) > 2990
