"""How a script ends: what arrives, without the line that the docs tell to add and with it."""

from __future__ import annotations

import signal
from collections import Counter

import pytest

from ..support.api_server import ApiServer
from ..support.ends import received
from ..support.programs import start_program

ALL = Counter(map(str, range(10)))


@pytest.mark.parametrize(
    ("way", "status", "says"),
    [
        ("end of the program", 0, ""),
        ("sys.exit", 0, ""),
        ("exception", 1, "LookupError: the user's own\n"),
        ("SIGINT", -signal.SIGINT, "KeyboardInterrupt\n"),
        ("SIGTERM, handled", 0, ""),
    ],
)
def test_nothing_is_to_be_added_where_the_interpreter_ends(
    api: ApiServer, way: str, status: int, says: str
) -> None:
    done = start_program("ends/script", api.hostname, way)
    assert done.returncode == status, done.stderr
    assert done.stderr.endswith(says)
    assert received(api) == ALL


@pytest.mark.parametrize("engine", ["native", "python"])
@pytest.mark.parametrize(("way", "status"), [("os._exit", 0), ("SIGTERM", -signal.SIGTERM)])
def test_one_line_is_to_be_added_where_the_process_ends_at_once(
    api: ApiServer, way: str, status: int, engine: str
) -> None:
    """Without it, nothing arrives of what the interval would have sent later."""
    name = "ends/script"
    done = start_program(name, api.hostname, way, PALTABRAIN_SDK_ENGINE=engine)
    assert (done.returncode, done.stderr) == (status, "")
    assert not received(api)
    done = start_program(name, api.hostname, way, "line", PALTABRAIN_SDK_ENGINE=engine)
    assert (done.returncode, done.stderr) == (status, "")
    assert received(api) == ALL
