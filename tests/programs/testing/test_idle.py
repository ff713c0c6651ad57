"""Tests that track nothing."""


def test_idle() -> None: ...


def test_idle_too() -> None: ...
