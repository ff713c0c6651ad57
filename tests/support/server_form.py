"""A config module as the API's server writes it, for a part of ``examples/schema.yaml``."""

# ruff: noqa: E501

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from .sdk import ROOT

SOURCE: Final = '''\
from abc import ABC
from datetime import datetime
from decimal import Decimal
from paltabrain_sdk import BaseContext, BaseEnum, BaseEvent, BaseSentinel, set_proto
from typing import Dict, List, Optional, Union

from .config_v2_pb2 import Context as ContextMessage, EventHeader as EventHeaderMessage, EventPayload as EventPayloadMessage


UNDEFINED = BaseSentinel()


class EnumPaymentResult(BaseEnum):
    """
    :var FAILED: Declined, or given up.
    """

    UNKNOWN = 0
    FAILED = -1
    PAID = 1
    REFUNDED = 2


class EnumTheme(BaseEnum):
    """
    :var LIGHT: Dark text on a light ground.
    """

    UNKNOWN = 0
    LIGHT = 1
    DARK = 2
    AUTO = 3


class Context(BaseContext):
    def set_application(self, *, app_id: Optional[str] = UNDEFINED, app_platform: Optional[str] = UNDEFINED, app_version: Optional[str] = UNDEFINED):
        """
        The application that sends the events.

        :param app_id: Identifier of the application.
        """
        self._context['application'].update(BaseSentinel.filter({
            'app_id': app_id,
            'app_platform': app_platform,
            'app_version': app_version,
        }))
        return self

    def set_identify(self, *, advertising_id: Optional[str] = UNDEFINED, country_code: Optional[str] = UNDEFINED, first_seen_ts: Optional[datetime] = UNDEFINED, experiments: Optional[Dict[str, str]] = UNDEFINED):
        """
        Identifiers that join this user with other systems.
        """
        self._context['identify'].update(BaseSentinel.filter({
            'advertising_id': advertising_id,
            'country_code': country_code,
            'first_seen_ts': first_seen_ts,
            'experiments': experiments,
        }))
        return self

    def serialize_context(self):
        context_message = ContextMessage()

        for group_name, group_properties in self._context.items():
            set_proto(getattr(context_message, group_name), group_properties)

        return context_message.SerializeToString(deterministic=True)


class Event(BaseEvent, ABC):
    def set_parent(self, *, parent_elements: Optional[List[str]] = UNDEFINED):
        """
        Where in the interface the event happened.
        """
        self._header['parent'].update(BaseSentinel.filter({
            'parent_elements': parent_elements,
        }))
        return self

    def set_screen(self, *, screen_name: Optional[str] = UNDEFINED, theme: Optional[EnumTheme] = UNDEFINED):
        """
        {DEPRECATED} Use Parent.
        """
        self._header['screen'].update(BaseSentinel.filter({
            'screen_name': screen_name,
            'theme': theme,
        }))
        return self

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


class EventSessionStart(Event):
    event_type_id = 1

    def __init__(self):
        """
        """
        super().__init__()


class EventPageOpen(Event):
    event_type_id = 4

    def __init__(self, *, page_id: Optional[str] = None, title: Optional[str] = None):
        """
        :param page_id: Identifier of the page.
        :param title: {DEPRECATED} Look it up by `page_id`.
        """
        super().__init__()

        self._payload = {
            'page_id': page_id,
            'title': title,
        }


class EventPurchase(Event):
    event_type_id = 5

    def __init__(self, *, price: Optional[Decimal] = None, currency: Optional[str] = None, result: Optional[EnumPaymentResult] = None, paid_ts: Optional[datetime] = None, items: Optional[List[str]] = None, prices: Optional[Dict[str, Decimal]] = None):
        """
        Something was bought.
        """
        super().__init__()

        self._payload = {
            'price': price,
            'currency': currency,
            'result': result,
            'paid_ts': paid_ts,
            'items': items,
            'prices': prices,
        }
'''


def write_server_module(directory: Path) -> None:
    """Write the module, and the protobuf code that it goes with, to a new directory."""
    directory.mkdir()
    (directory / "__init__.py").write_text(SOURCE, encoding="utf-8")
    for name in "config_v2_pb2.py", "config_v2_pb2.pyi":
        shutil.copy(ROOT / "examples" / "config" / name, directory)
