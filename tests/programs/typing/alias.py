"""Code of a user who has the alias alone, for type checkers; nobody runs it."""

from typing import assert_type

from paltabrain_fast import DeliveryResult
from paltabrain_sdk import BaseContext, BaseEvent, PaltabrainSdk, set_proto
from paltabrain_sdk.utils import uuid_v7

assert_type(uuid_v7(), str)


def use(sdk: PaltabrainSdk[BaseContext], event: BaseEvent) -> None:
    sdk.track(event)
    assert_type(sdk.flush(), DeliveryResult)
    assert callable(set_proto)
