"""The Django middleware: a context for each request, of sync and async views."""

from __future__ import annotations

import json
from itertools import product
from typing import Final

from ..support.programs import run_program, start_program
from ..support.scarce import needs

pytestmark = needs("django")

USERS: Final = [f"user {number}" for number in range(8)]
VIEWS: Final = ["sync", "async", "stream", "async stream"]


def contexts(*arguments: str) -> dict[tuple[str, str], str]:
    """Return with which context the event of each view and user came."""
    came = json.loads(run_program("contrib/django_site", *arguments))
    events = {(view, user): f"{view} {user}" for view, user in product(VIEWS, USERS)}
    assert sorted(came) == sorted(events.values())
    return {key: came[text] for key, text in events.items()}


def test_each_request_has_a_context() -> None:
    assert contexts("-") == {(view, user): user for view, user in product(VIEWS, USERS)}


def test_without_the_middleware_users_are_mixed_up() -> None:
    """So that the other test can fail."""
    assert any(context != user for (_view, user), context in contexts("-", "plain").items())


def test_contexts_are_filled_for_the_request() -> None:
    paths = {(view, user): f"/{view.replace(' ', '_')}/{user}" for view in VIEWS for user in USERS}
    assert contexts("fill") == {key: f"filled for {path}" for key, path in paths.items()}


def test_requests_go_on_when_contexts_cannot_be_filled() -> None:
    done = start_program("contrib/django_site", "fail")
    assert done.returncode == 0, done
    assert len(json.loads(done.stdout)) == len(VIEWS) * len(USERS)
    lines = [line for line in done.stderr.splitlines() if "not filled" in line]
    assert len(lines) < len(VIEWS) * len(USERS)  # one for each middleware
    (line,) = set(lines)
    assert line.startswith("the context of a request was not filled: ZeroDivisionError in ")


def test_settings_that_cannot_be_used_are_named() -> None:
    lines = run_program("contrib/django_settings").splitlines()
    assert [line.split(" must ")[0].split(",")[0] for line in lines] == [
        "the setting PALTABRAIN_SDK is missing: set it to your SDK",
        "the setting PALTABRAIN_SDK",
        "fine",
        "the setting PALTABRAIN_FILL_CONTEXT",
        "the setting PALTABRAIN_FILL_CONTEXT is '__main__.missing'",
        "fine",
    ]
