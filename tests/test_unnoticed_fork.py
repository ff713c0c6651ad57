"""Forks past Python's hooks, and who notices them first."""

from __future__ import annotations

import sysconfig

import pytest

from .support.programs import run_program

pytestmark = pytest.mark.skipif(
    sysconfig.get_config_var("Py_GIL_DISABLED") == 1,
    reason="without a GIL to hold, Python itself does not survive such a fork",
)


def test_sdk_that_the_child_has_made_keeps_its_events() -> None:
    """The parent's is made anew at the same time, and not again when it is touched later."""
    run_program("unnoticed_fork/child_makes_sdk")


def test_inherited_sdk_keeps_what_it_was_given_when_the_child_makes_another() -> None:
    run_program("unnoticed_fork/child_makes_another")


def test_sdk_that_the_child_makes_first_wants_no_lock_of_the_parents() -> None:
    """Another thread of the parent holds all of them at the fork."""
    run_program("unnoticed_fork/locks_held")


def test_threads_that_notice_it_together_begin_anew_once() -> None:
    """None of them uses what is half begun."""
    run_program("unnoticed_fork/threads_together")


def test_hook_of_a_fork_that_tracks_comes_before_ours() -> None:
    """It notices the fork first; none is called again for that."""
    run_program("unnoticed_fork/hook_tracks_first")


def test_sdk_that_is_forked_while_it_is_made_works_in_both_processes() -> None:
    """By a signal handler, say, before anybody knows of it."""
    run_program("unnoticed_fork/while_made")
