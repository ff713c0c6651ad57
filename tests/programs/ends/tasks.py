"""A worker of Celery that gives itself tasks, each of which tracks an event.

As a program, ``tasks worker …``, it makes its SDK before it imports Celery; under ``celery -A``
that is there before. Variables: ``API``, hostname of the server; ``DONE``, path of a Unix socket,
to which each task connects when it has tracked; ``NAME``, with which the texts of the events begin;
``LINE``, ``1`` with the line that the docs tell to add.
"""

import os
import socket
import sys

from tests.support.ends import make_sdk
from tests.support.events import TextEvent

sdk = make_sdk(os.environ["API"])
sdk.track(TextEvent(f"{os.environ['NAME']} loaded"))

from celery import Celery
from celery.signals import worker_process_shutdown, worker_ready

TASKS = 4

app = Celery("tests.programs.ends.tasks", broker="memory://")
app.conf.update(
    broker_transport_options={"polling_interval": 0.01}, worker_hijack_root_logger=False
)
if os.environ.get("LINE") == "1":
    from paltabrain_fast.contrib.celery import deliver_at_shutdown

    deliver_at_shutdown(sdk)


def work(number: int) -> None:
    sdk.track(TextEvent(f"{os.environ['NAME']} {number}"))
    with socket.socket(socket.AF_UNIX) as done:
        done.connect(os.environ["DONE"])


task = app.task(work, name="work")


def give_tasks(**_signal: object) -> None:
    for number in range(TASKS):
        task.delay(number)


def say_goodbye(**_signal: object) -> None:
    sdk.track(TextEvent(f"{os.environ['NAME']} ends"))


worker_ready.connect(give_tasks)
worker_process_shutdown.connect(say_goodbye)
if __name__ == "__main__":
    app.worker_main(sys.argv[1:])
