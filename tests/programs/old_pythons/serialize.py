"""Print what a generated package serializes (arguments: versions of Python and protobuf)."""

import sys
from datetime import datetime
from decimal import Decimal

import google.protobuf
from config import Context, EnumTheme, EventEverything
from config.config_v2_pb2 import EventHeader, EventPayload

assert "%d.%d" % sys.version_info[:2] == sys.argv[1], sys.version
assert google.protobuf.__version__.startswith(sys.argv[2]), google.protobuf.__version__

assert EventEverything.__mro__[2].__module__ == "paltabrain_sdk"
event = EventEverything(
    flag=True,
    rate=Decimal("1.5"),
    theme=EnumTheme.DARK,
    count=-(1 << 63),
    label="\u00e9",
    happened_ts=datetime(2024, 1, 1),
    themes=[EnumTheme.DARK],
    amount_by_name={"a": Decimal(2)},
).set_parent(parent_elements=["a"])
read = EventPayload.FromString(event.serialize_payload())
assert read.WhichOneof("event_type") == "event_100"
assert read.event_100.HasField("flag")
assert not read.event_100.HasField("price")
assert EventHeader.__module__ == "config.config_v2_pb2"
context = Context().set_application(app_id="a").set_os(os_name=None)
for data in (event.serialize_payload(), event.serialize_header(), context.serialize_context()):
    print(data.hex())
