"""Tasks of Celery, each of which tracks an event; run as a program, it orders four of them."""

import os

from celery import Celery
from celery.signals import worker_process_shutdown

from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent

app = Celery("tests.programs.servers.tasks")
app.conf.update(
    broker_url="filesystem://",
    broker_transport_options={
        "data_folder_in": "queue",
        "data_folder_out": "queue",
        "control_folder": "control",
    },
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)
sdk = PaltabrainSdk(os.environ["API"], "key", TextContext(), flush_interval_ms=3_600_000)
sdk.track(TextEvent("loaded"))


def flush(**_signal: object) -> None:
    sdk.flush(timeout=30)


def work(number: int) -> None:
    sdk.track(TextEvent(f"task {number}"))


worker_process_shutdown.connect(flush)
task = app.task(work, name="work")

if __name__ == "__main__":
    for number in range(4):
        task.delay(number)
    sdk.shutdown()
