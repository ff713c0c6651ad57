"""Tracks an event in each task that other processes are given.

``processes HOSTNAME WAY METHOD [line]``; ``line``: with the line that the docs tell to add.
"""

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

from tests.support.ends import make_sdk
from tests.support.events import TextEvent

TASKS = 20

sdk = make_sdk(flush_on_sigterm="line" in sys.argv)


def work(number: int) -> int:
    sdk.track(TextEvent(str(number)))
    return number


def main(way: str, method: str) -> None:
    processes = multiprocessing.get_context(method)
    match way:
        case "Process":
            children = [processes.Process(target=work, args=(number,)) for number in range(TASKS)]
            for child in children:
                child.start()
            for child in children:
                child.join(60)
                assert child.exitcode == 0
        case "Pool, closed":
            pool = processes.Pool(2)
            pool.map(work, range(TASKS))
            pool.close()
            pool.join()
        case "Pool, with":
            with processes.Pool(2) as pool:
                pool.map(work, range(TASKS))
        case "ProcessPoolExecutor":
            with ProcessPoolExecutor(2, processes) as executor:
                list(executor.map(work, range(TASKS)))
        case _:
            raise ValueError(way)


if __name__ == "__main__":
    main(*sys.argv[2:4])
