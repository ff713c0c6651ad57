"""Where there is no pycurl, the error names the extra that brings it."""

import sys

sys.modules["pycurl"] = None  # type: ignore[assignment]

import pytest

import paltabrain_fast.transport

with pytest.raises(ImportError, match=r"paltabrain-fast\[curl\]"):
    paltabrain_fast.transport.CurlTransport  # noqa: B018
