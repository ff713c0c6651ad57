"""An asyncio worker: each event has the user of its job, and all are delivered when it ends.

Run it in this folder, and stop it by Ctrl-C or ``SIGTERM``; it prints a line for each job::

    python asyncio_worker.py

The event ``PageOpen`` of each job arrives within five seconds, or at once when you stop the worker.
"""

import asyncio
import itertools
import random
import signal

from config import Context, EventPageOpen

from paltabrain_fast import PaltabrainSdk

WORKERS = 4
Job = tuple[str, str]
"""A user and a page."""


async def main() -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in signal.SIGINT, signal.SIGTERM:
        loop.add_signal_handler(number, stopping.set)
    jobs: asyncio.Queue[Job] = asyncio.Queue(WORKERS)
    context = Context().set_application(app_id="worker", app_version="1.2.3")

    # `async with` ends by `await sdk.ashutdown()`, when the group has ended
    async with PaltabrainSdk[Context](context=context) as sdk, asyncio.TaskGroup() as group:
        sdk.warm_up()  # before the first job: it holds the event loop for a tenth of a second
        workers = [group.create_task(work(jobs, sdk)) for _ in range(WORKERS)]
        await receive(jobs, stopping)
        await jobs.join()
        for worker in workers:
            worker.cancel()


async def receive(jobs: asyncio.Queue[Job], stopping: asyncio.Event) -> None:
    """Stand in for your broker: take a job now and then, until the worker is to stop."""
    for number in itertools.count():
        await jobs.put((random.choice(["ann", "bob", "eve"]), f"page-{number}"))
        await asyncio.sleep(0.01)
        if stopping.is_set():
            return


async def work(jobs: asyncio.Queue[Job], sdk: PaltabrainSdk[Context]) -> None:
    while True:
        user, page = await jobs.get()
        with sdk.scoped_context() as context:  # of this job alone
            context.set_user(user_id=user)
            await asyncio.sleep(random.uniform(0, 0.05))  # the work; other jobs run meanwhile
            sdk.track(EventPageOpen(page_id=page))
        print(user, "opened", page)
        jobs.task_done()


if __name__ == "__main__":
    asyncio.run(main())
