"""``paltabrain-fast doctor --module``: what is no name of a module, and where a module is made."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from paltabrain_fast.cli import doctor

Findings = dict[str, dict[str, Any]]


@pytest.fixture
def findings(capsys: pytest.CaptureFixture[str]) -> Callable[[str], Findings]:
    """Run the doctor on a module, and return what it finds."""

    def findings(module: str) -> Findings:
        assert doctor.main(["--module", module, "--json"]) == 1
        return {each["name"]: each for each in json.loads(capsys.readouterr().out)["findings"]}

    return findings


@pytest.mark.parametrize(
    ("given", "example"),
    [
        ("a..b", "my_config or shop.my_config"),
        (".a", "my_config or shop.my_config"),
        ("", "my_config or shop.my_config"),
        ("my-config", "my_config or shop.my_config"),
        ("./my_config", "my_config"),
        ("my_config.py", "my_config"),
        ("shop/my_config/", "shop.my_config"),
    ],
)
def test_what_is_no_name_of_a_module(
    given: str, example: str, findings: Callable[[str], Findings]
) -> None:
    """No command is advised that would make a directory of that name."""
    found = findings(given)
    module = found["config module"]
    assert module["state"] == "fault"
    assert module["text"] == f"{given!r} is no name of a module"
    assert module["remedy"] == f"give the name that your code imports, such as {example}"
    assert found["current"]["state"] == "skipped"


def test_dotted_module_is_made_at_its_path(findings: Callable[[str], Findings]) -> None:
    remedy = findings("no_such_shop.config")["config module"]["remedy"]
    assert "paltabrain-sdk-download-config --overwrite no_such_shop/config)" in remedy
    assert "paltabrain-fast generate schema.yaml no_such_shop/config)" in remedy
