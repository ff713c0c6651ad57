"""The text of a generated module is the same as that of the server's modules, to the letter."""

from paltabrain_fast.schema.generate import render
from paltabrain_fast.schema.load import load_schema

from .packages import EXAMPLE

HEAD = """\
from abc import ABC
from datetime import datetime
from decimal import Decimal
from paltabrain_fast import BaseContext, BaseEnum, BaseEvent, BaseSentinel, set_proto
from typing import Dict, List, Optional, Union

from .config_v2_pb2 import Context as ContextMessage, EventHeader as EventHeaderMessage, \
EventPayload as EventPayloadMessage

UNDEFINED = BaseSentinel()
"""
ENUM = '''
class EnumTheme(BaseEnum):
    """
    Colours of the interface.

    :var LIGHT: Dark text on a light ground.
    :var DARK: Light text on a dark ground.
    :var AUTO: {DEPRECATED} The system's own choice is the default now.
    """

    UNKNOWN = 0
    LIGHT = 1
    DARK = 2
    AUTO = 3
'''
SETTER = '''
    def set_screen(
        self,
        *,
        screen_name: Optional[str] = UNDEFINED,
        theme: Optional[EnumTheme] = UNDEFINED,
    ):
        """
        {DEPRECATED} Use Parent.

        :param screen_name:
        :param theme:
        """
        self._header['screen'].update(BaseSentinel.filter({
            'screen_name': screen_name,
            'theme': theme,
        }))
        return self
'''
EVENT = '''
class EventTransfer(Event):
    event_type_id = 6

    def __init__(
        self,
        *,
        amount: Optional[Decimal] = None,
        from_: Optional[str] = None,
        to: Optional[str] = None,
    ):
        """
        An amount was moved, exact to the last of 38 digits.

        :param amount:
        :param from_: Account that pays.
        :param to: Account that is paid.
        """
        super().__init__()
        self._payload = {
            'amount': amount,
            'from': from_,
            'to': to,
        }
'''
EVENT_WITHOUT_PROPERTIES = '''
class EventSessionStart(Event):
    event_type_id = 1

    def __init__(self):
        """
        A session begins.
        """
        super().__init__()
'''
CONTEXT_BYTES = """
    def serialize_context(self):
        context_message = ContextMessage()

        for group_name, group_properties in self._context.items():
            set_proto(getattr(context_message, group_name), group_properties)

        return context_message.SerializeToString(deterministic=True)
"""
EVENT_BYTES = """
    def serialize_header(self):
        if not self._header:
            return b""

        header_message = EventHeaderMessage()

        for group_name, group_properties in self._header.items():
            set_proto(getattr(header_message, group_name), group_properties)

        return header_message.SerializeToString()

    def serialize_payload(self):
        payload_message = EventPayloadMessage()

        getattr(payload_message, f"event_{self.event_type_id}").SetInParent()
        set_proto(getattr(payload_message, f"event_{self.event_type_id}"), self._payload)

        return payload_message.SerializeToString()
"""


def test_the_module_is_written_as_the_server_writes_it() -> None:
    text = render(load_schema(EXAMPLE))["__init__.py"]
    assert text.startswith(HEAD)
    for part in (ENUM, SETTER, EVENT, EVENT_WITHOUT_PROPERTIES, CONTEXT_BYTES, EVENT_BYTES):
        assert part in text
    assert "__all__" not in text
    assert "->" not in text
    other = render(load_schema(EXAMPLE), import_from="paltabrain_sdk")["__init__.py"]
    assert other == text.replace("from paltabrain_fast import", "from paltabrain_sdk import")
