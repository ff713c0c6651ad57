"""What the C core and the Python package both say, they say alike."""

from __future__ import annotations

import re
from pathlib import Path

from paltabrain_fast._engine.protocol import RecordStatus
from paltabrain_fast.constant import BATCH_MAX_BYTE_SIZE

CORE = Path(__file__).parent.parent.parent / "csrc"


def test_a_status_has_the_same_name_and_value() -> None:
    text = (CORE / "pbf_status.h").read_text()
    (members,) = re.findall(r"typedef enum \{(.*?)\} pbf_status;", text, re.DOTALL)
    without_comments = re.sub(r"/\*.*?\*/", "", members, flags=re.DOTALL)
    names = [name.strip() for name in without_comments.split(",") if name.strip()]
    assert names == [f"PBF_{status.name}" for status in RecordStatus]
    assert [status.value for status in RecordStatus] == list(range(len(names)))


def test_the_limit_of_a_body_is_the_same() -> None:
    text = (CORE / "pbf_record.h").read_text()
    assert re.findall(r"#define PBF_BATCH_MAX (\d+)", text) == [str(BATCH_MAX_BYTE_SIZE)]
