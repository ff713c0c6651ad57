"""Use a generated package with one release of protobuf.

Arguments: its major version, its directory, the schema, and the package to be generated again.
"""

import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import google.protobuf
from config import (
    Context,
    EnumTheme,
    EventEverything,
)
from config.config_v2_pb2 import Context as ContextMessage
from config.config_v2_pb2 import EventPayload

from paltabrain_fast.schema.generate import render
from paltabrain_fast.schema.load import load_schema

major, directory, schema, package = sys.argv[1:]
assert google.protobuf.__version__.split(".")[0] == major, google.protobuf.__version__
assert google.protobuf.__file__.startswith(directory), google.protobuf.__file__

event = EventEverything(
    flag=True,
    rate=Decimal("1.5"),
    theme=EnumTheme.DARK,
    count=-(1 << 63),
    label="é",
    happened_ts=datetime(2024, 1, 1),
    themes=[EnumTheme.DARK],
    amount_by_name={"a": Decimal(2)},
).set_parent(parent_elements=["a"])
member = EventPayload.FromString(event.serialize_payload()).event_100
assert (member.rate, member.theme, member.count, member.label) == ("1.5", 2, -(1 << 63), "é")
assert (list(member.themes), dict(member.amount_by_name)) == ([2], {"a": "2"})
assert not member.HasField("price")
context = Context().set_application(app_id="a")
assert ContextMessage.FromString(context.serialize_context()).application.app_id == "a"
for name, text in render(load_schema(Path(schema))).items():
    assert Path(package, name).read_text("utf-8") == text, name
