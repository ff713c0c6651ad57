from builtins import bool as _bool
from builtins import int as _int
from builtins import str as _str
from collections.abc import Iterable as _Iterable
from collections.abc import Mapping as _Mapping
from typing import Any as _Any
from typing import ClassVar as _ClassVar
from typing import Optional as _Optional

from google.protobuf.descriptor import FileDescriptor as _FileDescriptor
from google.protobuf.internal.containers import RepeatedScalarFieldContainer as _Repeated
from google.protobuf.internal.containers import ScalarMap as _Map
from google.protobuf.message import Message as _Message

DESCRIPTOR: _FileDescriptor

class ContextApplication(_Message):
    APP_ID_FIELD_NUMBER: _ClassVar[_int]
    APP_PLATFORM_FIELD_NUMBER: _ClassVar[_int]
    APP_VERSION_FIELD_NUMBER: _ClassVar[_int]
    app_id: _str
    app_platform: _str
    app_version: _str
    def __init__(
        self,
        *,
        app_id: _Optional[_str] = ...,
        app_platform: _Optional[_str] = ...,
        app_version: _Optional[_str] = ...,
    ) -> None: ...

class ContextOs(_Message):
    OS_NAME_FIELD_NUMBER: _ClassVar[_int]
    OS_VERSION_FIELD_NUMBER: _ClassVar[_int]
    os_name: _str
    os_version: _str
    def __init__(
        self,
        *,
        os_name: _Optional[_str] = ...,
        os_version: _Optional[_str] = ...,
    ) -> None: ...

class ContextUser(_Message):
    USER_ID_FIELD_NUMBER: _ClassVar[_int]
    COUNTRY_CODE_FIELD_NUMBER: _ClassVar[_int]
    IS_TRIAL_FIELD_NUMBER: _ClassVar[_int]
    IS_PAYING_FIELD_NUMBER: _ClassVar[_int]
    BIRTH_YEAR_FIELD_NUMBER: _ClassVar[_int]
    user_id: _str
    country_code: _str
    is_trial: _bool
    is_paying: _bool
    birth_year: _int
    def __init__(
        self,
        *,
        user_id: _Optional[_str] = ...,
        country_code: _Optional[_str] = ...,
        is_trial: _Optional[_bool] = ...,
        is_paying: _Optional[_bool] = ...,
        birth_year: _Optional[_int] = ...,
    ) -> None: ...

class ContextIdentify(_Message):
    ADVERTISING_ID_FIELD_NUMBER: _ClassVar[_int]
    COUNTRY_CODE_FIELD_NUMBER: _ClassVar[_int]
    FIRST_SEEN_TS_FIELD_NUMBER: _ClassVar[_int]
    EXPERIMENTS_FIELD_NUMBER: _ClassVar[_int]
    advertising_id: _str
    country_code: _str
    first_seen_ts: _int
    experiments: _Map[_str, _str]
    def __init__(
        self,
        *,
        advertising_id: _Optional[_str] = ...,
        country_code: _Optional[_str] = ...,
        first_seen_ts: _Optional[_int] = ...,
        experiments: _Optional[_Mapping[_str, _str]] = ...,
    ) -> None: ...

class Context(_Message):
    APPLICATION_FIELD_NUMBER: _ClassVar[_int]
    OS_FIELD_NUMBER: _ClassVar[_int]
    USER_FIELD_NUMBER: _ClassVar[_int]
    IDENTIFY_FIELD_NUMBER: _ClassVar[_int]
    application: ContextApplication
    os: ContextOs
    user: ContextUser
    identify: ContextIdentify
    def __init__(
        self,
        *,
        application: _Optional[ContextApplication] = ...,
        os: _Optional[ContextOs] = ...,
        user: _Optional[ContextUser] = ...,
        identify: _Optional[ContextIdentify] = ...,
    ) -> None: ...

class EventHeaderParent(_Message):
    PARENT_ELEMENTS_FIELD_NUMBER: _ClassVar[_int]
    parent_elements: _Repeated[_str]
    def __init__(
        self,
        *,
        parent_elements: _Optional[_Iterable[_str]] = ...,
    ) -> None: ...

class EventHeaderScreen(_Message):
    SCREEN_NAME_FIELD_NUMBER: _ClassVar[_int]
    THEME_FIELD_NUMBER: _ClassVar[_int]
    screen_name: _str
    theme: _int
    def __init__(
        self,
        *,
        screen_name: _Optional[_str] = ...,
        theme: _Optional[_int] = ...,
    ) -> None: ...

class EventHeader(_Message):
    PARENT_FIELD_NUMBER: _ClassVar[_int]
    SCREEN_FIELD_NUMBER: _ClassVar[_int]
    parent: EventHeaderParent
    screen: EventHeaderScreen
    def __init__(
        self,
        *,
        parent: _Optional[EventHeaderParent] = ...,
        screen: _Optional[EventHeaderScreen] = ...,
    ) -> None: ...

class EventPayloadSessionStart(_Message):
    def __init__(self) -> None: ...

class EventPayloadSessionEnd(_Message):
    DURATION_MS_FIELD_NUMBER: _ClassVar[_int]
    duration_ms: _int
    def __init__(
        self,
        *,
        duration_ms: _Optional[_int] = ...,
    ) -> None: ...

class EventPayloadPermissionsRequest(_Message):
    IS_GRANTED_FIELD_NUMBER: _ClassVar[_int]
    TYPE_FIELD_NUMBER: _ClassVar[_int]
    is_granted: _bool
    type: _str
    def __init__(
        self,
        *,
        is_granted: _Optional[_bool] = ...,
        type: _Optional[_str] = ...,
    ) -> None: ...

class EventPayloadPageOpen(_Message):
    PAGE_ID_FIELD_NUMBER: _ClassVar[_int]
    TITLE_FIELD_NUMBER: _ClassVar[_int]
    page_id: _str
    title: _str
    def __init__(
        self,
        *,
        page_id: _Optional[_str] = ...,
        title: _Optional[_str] = ...,
    ) -> None: ...

class EventPayloadPurchase(_Message):
    PRICE_FIELD_NUMBER: _ClassVar[_int]
    CURRENCY_FIELD_NUMBER: _ClassVar[_int]
    RESULT_FIELD_NUMBER: _ClassVar[_int]
    PAID_TS_FIELD_NUMBER: _ClassVar[_int]
    ITEMS_FIELD_NUMBER: _ClassVar[_int]
    PRICES_FIELD_NUMBER: _ClassVar[_int]
    price: _str
    currency: _str
    result: _int
    paid_ts: _int
    items: _Repeated[_str]
    prices: _Map[_str, _str]
    def __init__(
        self,
        *,
        price: _Optional[_str] = ...,
        currency: _Optional[_str] = ...,
        result: _Optional[_int] = ...,
        paid_ts: _Optional[_int] = ...,
        items: _Optional[_Iterable[_str]] = ...,
        prices: _Optional[_Mapping[_str, _str]] = ...,
    ) -> None: ...

class EventPayloadTransfer(_Message):
    AMOUNT_FIELD_NUMBER: _ClassVar[_int]
    FROM_FIELD_NUMBER: _ClassVar[_int]
    TO_FIELD_NUMBER: _ClassVar[_int]
    amount: _str
    to: _str
    def __init__(
        self,
        *,
        amount: _Optional[_str] = ...,
        to: _Optional[_str] = ...,
        **_others: _Any,
    ) -> None: ...

class EventPayloadElementRender(_Message):
    CLASS_FIELD_NUMBER: _ClassVar[_int]
    TYPE_FIELD_NUMBER: _ClassVar[_int]
    STR_FIELD_NUMBER: _ClassVar[_int]
    INT_FIELD_NUMBER: _ClassVar[_int]
    SELF_FIELD_NUMBER: _ClassVar[_int]
    SUPER_FIELD_NUMBER: _ClassVar[_int]
    type: _str
    str: _str
    int: _int
    self: _bool
    super: _str
    def __init__(
        self,
        *,
        type: _Optional[_str] = ...,
        str: _Optional[_str] = ...,
        int: _Optional[_int] = ...,
        super: _Optional[_str] = ...,
        **_others: _Any,
    ) -> None: ...

class EventPayloadTutorialGesture(_Message):
    GESTURE_FIELD_NUMBER: _ClassVar[_int]
    gesture: _int
    def __init__(
        self,
        *,
        gesture: _Optional[_int] = ...,
    ) -> None: ...

class EventPayloadEverything(_Message):
    FLAG_FIELD_NUMBER: _ClassVar[_int]
    PRICE_FIELD_NUMBER: _ClassVar[_int]
    RATE_FIELD_NUMBER: _ClassVar[_int]
    THEME_FIELD_NUMBER: _ClassVar[_int]
    COUNT_FIELD_NUMBER: _ClassVar[_int]
    LABEL_FIELD_NUMBER: _ClassVar[_int]
    HAPPENED_TS_FIELD_NUMBER: _ClassVar[_int]
    FLAGS_FIELD_NUMBER: _ClassVar[_int]
    AMOUNTS_FIELD_NUMBER: _ClassVar[_int]
    THEMES_FIELD_NUMBER: _ClassVar[_int]
    COUNTS_FIELD_NUMBER: _ClassVar[_int]
    LABELS_FIELD_NUMBER: _ClassVar[_int]
    MOMENTS_FIELD_NUMBER: _ClassVar[_int]
    FLAG_BY_NAME_FIELD_NUMBER: _ClassVar[_int]
    AMOUNT_BY_NAME_FIELD_NUMBER: _ClassVar[_int]
    THEME_BY_NAME_FIELD_NUMBER: _ClassVar[_int]
    COUNT_BY_NAME_FIELD_NUMBER: _ClassVar[_int]
    LABEL_BY_NAME_FIELD_NUMBER: _ClassVar[_int]
    MOMENT_BY_NAME_FIELD_NUMBER: _ClassVar[_int]
    flag: _bool
    price: _str
    rate: _str
    theme: _int
    count: _int
    label: _str
    happened_ts: _int
    flags: _Repeated[_bool]
    amounts: _Repeated[_str]
    themes: _Repeated[_int]
    counts: _Repeated[_int]
    labels: _Repeated[_str]
    moments: _Repeated[_int]
    flag_by_name: _Map[_str, _bool]
    amount_by_name: _Map[_str, _str]
    theme_by_name: _Map[_str, _int]
    count_by_name: _Map[_str, _int]
    label_by_name: _Map[_str, _str]
    moment_by_name: _Map[_str, _int]
    def __init__(
        self,
        *,
        flag: _Optional[_bool] = ...,
        price: _Optional[_str] = ...,
        rate: _Optional[_str] = ...,
        theme: _Optional[_int] = ...,
        count: _Optional[_int] = ...,
        label: _Optional[_str] = ...,
        happened_ts: _Optional[_int] = ...,
        flags: _Optional[_Iterable[_bool]] = ...,
        amounts: _Optional[_Iterable[_str]] = ...,
        themes: _Optional[_Iterable[_int]] = ...,
        counts: _Optional[_Iterable[_int]] = ...,
        labels: _Optional[_Iterable[_str]] = ...,
        moments: _Optional[_Iterable[_int]] = ...,
        flag_by_name: _Optional[_Mapping[_str, _bool]] = ...,
        amount_by_name: _Optional[_Mapping[_str, _str]] = ...,
        theme_by_name: _Optional[_Mapping[_str, _int]] = ...,
        count_by_name: _Optional[_Mapping[_str, _int]] = ...,
        label_by_name: _Optional[_Mapping[_str, _str]] = ...,
        moment_by_name: _Optional[_Mapping[_str, _int]] = ...,
    ) -> None: ...

class EventPayload(_Message):
    EVENT_1_FIELD_NUMBER: _ClassVar[_int]
    EVENT_2_FIELD_NUMBER: _ClassVar[_int]
    EVENT_3_FIELD_NUMBER: _ClassVar[_int]
    EVENT_4_FIELD_NUMBER: _ClassVar[_int]
    EVENT_5_FIELD_NUMBER: _ClassVar[_int]
    EVENT_6_FIELD_NUMBER: _ClassVar[_int]
    EVENT_7_FIELD_NUMBER: _ClassVar[_int]
    EVENT_8_FIELD_NUMBER: _ClassVar[_int]
    EVENT_100_FIELD_NUMBER: _ClassVar[_int]
    event_1: EventPayloadSessionStart
    event_2: EventPayloadSessionEnd
    event_3: EventPayloadPermissionsRequest
    event_4: EventPayloadPageOpen
    event_5: EventPayloadPurchase
    event_6: EventPayloadTransfer
    event_7: EventPayloadElementRender
    event_8: EventPayloadTutorialGesture
    event_100: EventPayloadEverything
    def __init__(
        self,
        *,
        event_1: _Optional[EventPayloadSessionStart] = ...,
        event_2: _Optional[EventPayloadSessionEnd] = ...,
        event_3: _Optional[EventPayloadPermissionsRequest] = ...,
        event_4: _Optional[EventPayloadPageOpen] = ...,
        event_5: _Optional[EventPayloadPurchase] = ...,
        event_6: _Optional[EventPayloadTransfer] = ...,
        event_7: _Optional[EventPayloadElementRender] = ...,
        event_8: _Optional[EventPayloadTutorialGesture] = ...,
        event_100: _Optional[EventPayloadEverything] = ...,
    ) -> None: ...
