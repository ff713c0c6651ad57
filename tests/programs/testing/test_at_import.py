"""Tracks when it is imported."""

import shop

shop.open_page("import")


def test_has_an_error_in_setup() -> None: ...


def test_passes() -> None: ...
