"""``truststore`` in the place of ``ssl.SSLContext``: attempts end at their deadline as ever."""

from __future__ import annotations

from typing import Final

import pytest

from ..support.answers import Answer, Fault, always
from ..support.api_server import ApiServer
from ..support.programs import run_program

_STAGES: Final = ["before import", "before construction", "before an attempt"]


def run(*arguments: str, timeout: float = 60) -> str:
    return run_program("transport/truststore_injected", *arguments, timeout=timeout)


@pytest.mark.parametrize("when", _STAGES)
def test_requests_are_answered(api: ApiServer, when: str) -> None:
    assert run(when, api.hostname, "30", "8") == "200\n"


@pytest.mark.parametrize("when", _STAGES)
def test_answer_that_drips_ends_at_the_deadline(api: ApiServer, when: str) -> None:
    """Each byte comes in time, all of them in twenty minutes."""
    api.answer = always(Answer(headers={"X": "x" * 60_000}, fault=Fault.DRIP))
    output = run_program(
        "transport/truststore_injected", when, api.hostname, "0.5", "1", timeout=60
    )
    assert output == "AttemptTimedOutError('the attempt timed out after 0.5 s')\n"


@pytest.mark.parametrize("when", _STAGES)
def test_handshakes_end_at_their_deadline_beside_each_other(api: ApiServer, when: str) -> None:
    """One after the other they would take a minute and a half."""
    api.greet = lambda _count: Fault.SILENCE
    output = run(when, api.hostname, "3", "30", timeout=45)
    assert output == "AttemptTimedOutError('the attempt timed out after 3 s')\n"


@pytest.mark.parametrize("when", _STAGES)
def test_who_is_not_trusted_is_refused(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    assert "CERTIFICATE_VERIFY_FAILED" in run_program(
        "transport/truststore_injected", when, api.hostname, "30", "1"
    )
    assert api.requests == []
