"""Code of a user of a generated module, for type checkers; nobody runs it."""

from typing import assert_type

from config import Context, EventElementRender, EventPageOpen
from config.config_v2_pb2 import Context as ContextMessage
from config.config_v2_pb2 import EventPayload as EventPayloadMessage

event = EventPageOpen(page_id="abc").set_parent(parent_elements=["a"])
assert_type(EventPageOpen(page_id="abc"), EventPageOpen)
EventElementRender(class_="c", str="s", int=1)
context: Context = Context().set_user(user_id=None)
event.serialize_header()
context.serialize_context()  # type: ignore[no-untyped-call, unused-ignore]
assert_type(ContextMessage.FromString(b"").user.user_id, str)
everything = EventPayloadMessage.FromString(b"").event_100
assert_type(everything.flag, bool)
assert_type(everything.price, str)
assert_type(everything.theme, int)
assert_type(everything.count, int)
assert_type(everything.happened_ts, int)
assert_type(list(everything.amounts), list[str])
assert_type(dict(everything.moment_by_name), dict[str, int])
EventPageOpen(page_id=1)  # type: ignore[arg-type]
