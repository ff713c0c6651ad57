"""Finds the browser that the tests of the live page run in."""

from __future__ import annotations

import shutil
from typing import Final

CHROMIUM: Final = next(
    (
        path
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (path := shutil.which(name))
    ),
    None,
)
"""Path of a Chromium; ``None`` if there is none. ``tools/browser.sh`` installs Debian's."""
