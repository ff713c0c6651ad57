"""What a config module imports, in the way of another package: plain classes of Python."""

from enum import IntEnum


class BaseEnum(IntEnum):
    pass


class BaseSentinel:
    @staticmethod
    def filter(properties: dict[str, object]) -> dict[str, object]:
        return {name: value for name, value in properties.items() if value is not BaseSentinel}


class BaseContext:
    _context: dict[str, dict[str, object]]


class BaseEvent:
    _header: dict[str, dict[str, object]]
    event_type_id = 0


def set_proto(message: object, properties: dict[str, object]) -> None:
    raise NotImplementedError(f"{message}, {properties}: nothing is serialized here")
