"""A worker of Celery that gives itself tasks, each of which tracks an event.

``celery -A tests.programs.ends.tasks worker …``, with the variables ``API``: hostname of the
server; ``DONE``: path of a Unix socket, to which each task connects when it has tracked;
``LINE``: ``1`` with the line that the docs tell to add.
"""

import os
import socket

from celery import Celery
from celery.signals import worker_ready

from tests.support.ends import make_sdk
from tests.support.events import TextEvent

TASKS = 8

app = Celery("tests.programs.ends.tasks", broker="memory://")
app.conf.update(
    broker_transport_options={"polling_interval": 0.01}, worker_hijack_root_logger=False
)
sdk = make_sdk(os.environ["API"])


@app.task
def work(number: int) -> None:
    sdk.track(TextEvent(f"task {number}"))
    with socket.socket(socket.AF_UNIX) as done:
        done.connect(os.environ["DONE"])


@worker_ready.connect
def give_tasks(**_signal: object) -> None:
    for number in range(TASKS):
        work.delay(number)
