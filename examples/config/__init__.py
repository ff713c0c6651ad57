from abc import ABC
from datetime import datetime
from decimal import Decimal
from paltabrain_fast import BaseContext, BaseEnum, BaseEvent, BaseSentinel, set_proto
from typing import Dict, List, Optional, Union

from .config_v2_pb2 import Context as ContextMessage, EventHeader as EventHeaderMessage, EventPayload as EventPayloadMessage

UNDEFINED = BaseSentinel()


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


class EnumPaymentResult(BaseEnum):
    """
    :var FAILED: Declined, or given up.
    :var PAID:
    :var REFUNDED:
    """

    UNKNOWN = 0
    FAILED = -1
    PAID = 1
    REFUNDED = 2


class EnumGesture(BaseEnum):
    """
    {DEPRECATED} Gestures of the first tutorial.

    :var TAP:
    :var SWIPE:
    """

    UNKNOWN = 0
    TAP = 1
    SWIPE = 2


class Context(BaseContext):
    def set_application(
        self,
        *,
        app_id: Optional[str] = UNDEFINED,
        app_platform: Optional[str] = UNDEFINED,
        app_version: Optional[str] = UNDEFINED,
    ):
        """
        The application that sends the events.

        :param app_id: Identifier of the application.
        :param app_platform: Platform, e.g. `ios`.
        :param app_version:
        """
        self._context['application'].update(BaseSentinel.filter({
            'app_id': app_id,
            'app_platform': app_platform,
            'app_version': app_version,
        }))
        return self

    def set_os(
        self,
        *,
        os_name: Optional[str] = UNDEFINED,
        os_version: Optional[str] = UNDEFINED,
    ):
        """
        The operating system that the application runs on.

        :param os_name:
        :param os_version:
        """
        self._context['os'].update(BaseSentinel.filter({
            'os_name': os_name,
            'os_version': os_version,
        }))
        return self

    def set_user(
        self,
        *,
        user_id: Optional[str] = UNDEFINED,
        country_code: Optional[str] = UNDEFINED,
        is_trial: Optional[bool] = UNDEFINED,
        is_paying: Optional[bool] = UNDEFINED,
        birth_year: Optional[int] = UNDEFINED,
    ):
        """
        The person who uses the application.

        :param user_id:
        :param country_code: ISO 3166-1 alpha-2.
        :param is_trial:
        :param is_paying:
        :param birth_year: {DEPRECATED} Not collected any more.
        """
        self._context['user'].update(BaseSentinel.filter({
            'user_id': user_id,
            'country_code': country_code,
            'is_trial': is_trial,
            'is_paying': is_paying,
            'birth_year': birth_year,
        }))
        return self

    def set_identify(
        self,
        *,
        advertising_id: Optional[str] = UNDEFINED,
        country_code: Optional[str] = UNDEFINED,
        first_seen_ts: Optional[datetime] = UNDEFINED,
        experiments: Optional[Dict[str, str]] = UNDEFINED,
    ):
        """
        Identifiers that join this user with other systems. `country_code` is that of the network, which may differ from
        the user's own.

        :param advertising_id:
        :param country_code: Country that the address belongs to.
        :param first_seen_ts:
        :param experiments: Variant by name of the experiment.
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
    def set_parent(
        self,
        *,
        parent_elements: Optional[List[str]] = UNDEFINED,
    ):
        """
        Where in the interface the event happened.

        :param parent_elements: Elements, outermost first.
        """
        self._header['parent'].update(BaseSentinel.filter({
            'parent_elements': parent_elements,
        }))
        return self

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
        A session begins.
        """
        super().__init__()


class EventSessionEnd(Event):
    event_type_id = 2

    def __init__(
        self,
        *,
        duration_ms: Optional[int] = None,
    ):
        """
        A session ends.

        :param duration_ms: Length of the session in milliseconds.
        """
        super().__init__()
        self._payload = {
            'duration_ms': duration_ms,
        }


class EventPermissionsRequest(Event):
    event_type_id = 3

    def __init__(
        self,
        *,
        is_granted: Optional[bool] = None,
        type: Optional[str] = None,
    ):
        """
        The user answered a request for permissions.

        :param is_granted:
        :param type: What was asked for, e.g. `CAMERA`.
        """
        super().__init__()
        self._payload = {
            'is_granted': is_granted,
            'type': type,
        }


class EventPageOpen(Event):
    event_type_id = 4

    def __init__(
        self,
        *,
        page_id: Optional[str] = None,
        title: Optional[str] = None,
    ):
        """
        A page was opened.

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

    def __init__(
        self,
        *,
        price: Optional[Decimal] = None,
        currency: Optional[str] = None,
        result: Optional[EnumPaymentResult] = None,
        paid_ts: Optional[datetime] = None,
        items: Optional[List[str]] = None,
        prices: Optional[Dict[str, Decimal]] = None,
    ):
        """
        Something was bought.

        :param price:
        :param currency: ISO 4217.
        :param result:
        :param paid_ts:
        :param items: Articles in the basket.
        :param prices:
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


class EventElementRender(Event):
    event_type_id = 7

    def __init__(
        self,
        *,
        class_: Optional[str] = None,
        type: Optional[str] = None,
        str: Optional[str] = None,
        int: Optional[int] = None,
        self_: Optional[bool] = None,
        super_: Optional[str] = None,
    ):
        """
        An element of the interface was drawn; its properties bear names of Python's own.

        :param class_:
        :param type:
        :param str:
        :param int:
        :param self_: Whether the element drew itself.
        :param super_: The element around it.
        """
        super().__init__()
        self._payload = {
            'class': class_,
            'type': type,
            'str': str,
            'int': int,
            'self': self_,
            'super': super_,
        }


class EventTutorialGesture(Event):
    event_type_id = 8

    def __init__(
        self,
        *,
        gesture: Optional[EnumGesture] = None,
    ):
        """
        {DEPRECATED} The first tutorial was replaced.

        :param gesture:
        """
        super().__init__()
        self._payload = {
            'gesture': gesture,
        }


class EventEverything(Event):
    event_type_id = 100

    def __init__(
        self,
        *,
        flag: Optional[bool] = None,
        price: Optional[Decimal] = None,
        rate: Optional[Decimal] = None,
        theme: Optional[EnumTheme] = None,
        count: Optional[int] = None,
        label: Optional[str] = None,
        happened_ts: Optional[datetime] = None,
        flags: Optional[List[bool]] = None,
        amounts: Optional[List[Decimal]] = None,
        themes: Optional[List[EnumTheme]] = None,
        counts: Optional[List[int]] = None,
        labels: Optional[List[str]] = None,
        moments: Optional[List[datetime]] = None,
        flag_by_name: Optional[Dict[str, bool]] = None,
        amount_by_name: Optional[Dict[str, Decimal]] = None,
        theme_by_name: Optional[Dict[str, EnumTheme]] = None,
        count_by_name: Optional[Dict[str, int]] = None,
        label_by_name: Optional[Dict[str, str]] = None,
        moment_by_name: Optional[Dict[str, datetime]] = None,
    ):
        """
        One property of every type, alone, in arrays and in maps.

        :param flag:
        :param price:
        :param rate:
        :param theme:
        :param count:
        :param label:
        :param happened_ts:
        :param flags:
        :param amounts:
        :param themes:
        :param counts:
        :param labels:
        :param moments:
        :param flag_by_name:
        :param amount_by_name:
        :param theme_by_name:
        :param count_by_name:
        :param label_by_name:
        :param moment_by_name:
        """
        super().__init__()
        self._payload = {
            'flag': flag,
            'price': price,
            'rate': rate,
            'theme': theme,
            'count': count,
            'label': label,
            'happened_ts': happened_ts,
            'flags': flags,
            'amounts': amounts,
            'themes': themes,
            'counts': counts,
            'labels': labels,
            'moments': moments,
            'flag_by_name': flag_by_name,
            'amount_by_name': amount_by_name,
            'theme_by_name': theme_by_name,
            'count_by_name': count_by_name,
            'label_by_name': label_by_name,
            'moment_by_name': moment_by_name,
        }
