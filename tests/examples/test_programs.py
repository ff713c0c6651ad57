"""Examples without a server: the script, the worker of asyncio, the function of AWS Lambda."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ..support.api_server import ApiServer
from ..support.examples import arrived, commands, page_open, purchase
from ..support.lambda_service import LambdaService
from ..support.scarce import needs
from ..support.servers import running

STOPS = [signal.SIGINT, signal.SIGTERM]


def lines(process: subprocess.Popen[str], count: int) -> list[str]:
    """Read the next lines of the output."""
    assert process.stdout is not None
    return [process.stdout.readline().rstrip() for _ in range(count)]


def test_script(api: ApiServer, folder: Path) -> None:
    (command,) = commands(folder / "script.py")
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == [
        "ann bought tea",
        "bob bought coffee",
        "ann bought scone",
        "3 events delivered, 0 lost",
    ]
    assert done.stderr == ""
    assert arrived(api) == [
        purchase("ann", "scone", "2.80", "orders"),
        purchase("ann", "tea", "3.50", "orders"),
        purchase("bob", "coffee", "4.20", "orders"),
    ]


@pytest.mark.parametrize("stop", STOPS)
def test_script_that_is_stopped(api: ApiServer, folder: Path, stop: signal.Signals) -> None:
    """While it waits for the rest of the file."""
    (command,) = commands(folder / "script.py")
    (folder / "orders.csv").unlink()
    os.mkfifo(folder / "orders.csv")
    with (
        running(folder, *command) as process,
        open(folder / "orders.csv", "wb", buffering=0) as orders,
    ):
        orders.write(b"user,item,price\nann,tea,3.50\nbob,coffee,4.20\n")
        assert lines(process, 2) == ["ann bought tea", "bob bought coffee"]
        process.send_signal(stop)
        # Python sees a signal that comes just before a read when that returns: here, an empty row
        with contextlib.suppress(BrokenPipeError):
            orders.write(b"\n")
        output, _ = process.communicate(timeout=60)
        assert process.returncode == -stop, output
    assert arrived(api) == [
        purchase("ann", "tea", "3.50", "orders"),
        purchase("bob", "coffee", "4.20", "orders"),
    ]


@pytest.mark.parametrize("stop", STOPS)
def test_asyncio_worker(api: ApiServer, folder: Path, stop: signal.Signals) -> None:
    """It has told of each job that was done, and nothing else has arrived."""
    (command,) = commands(folder / "asyncio_worker.py")
    with running(folder, *command) as process:
        told = lines(process, 20)
        process.send_signal(stop)
        assert process.stdout is not None
        told += process.stdout.read().splitlines()  # as communicate() would miss what is buffered
        assert process.wait(60) == 0, told
    jobs = [line.split(" opened ") for line in told]
    assert arrived(api) == sorted(
        (page_open(user, page, "worker") for user, page in jobs), key=repr
    )


def test_lambda_handler_by_hand(api: ApiServer, folder: Path) -> None:
    (command,) = commands(folder / "lambda_handler.py")
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == ("{'statusCode': 200, 'body': 'ann bought tea'}\n", "")
    assert arrived(api) == [purchase("ann", "tea", "3.50")]


@needs("awslambdaric")
def test_lambda_handler_that_is_frozen_after_each_call(api: ApiServer, folder: Path) -> None:
    """By Lambda's own runtime for Python; a call that fails delivers as well."""
    expected = []
    with (
        LambdaService() as service,
        running(
            folder,
            *(sys.executable, "-m", "awslambdaric", "lambda_handler.handler"),
            AWS_LAMBDA_RUNTIME_API=service.address,
        ) as process,
    ):
        for user, item, price in ("ann", "tea", "3.50"), ("bob", "coffee", "4.20"):
            answer = service.call({"user_id": user, "item": item, "price": price}, process)
            assert answer == {"statusCode": 200, "body": f"{user} bought {item}"}
            expected.append(purchase(user, item, price))
            assert arrived(api) == expected
            process.send_signal(signal.SIGCONT)
        assert service.call({"user_id": "eve"}, process)["errorType"] == "KeyError"
        process.send_signal(signal.SIGCONT)
    assert arrived(api) == expected
