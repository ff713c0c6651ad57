from typing import Any, Self, final

class Generated:
    """Stands in for a function that was recognised as generated, and does the same."""

    @property
    def __wrapped__(self) -> Any: ...
    def __get__(self, instance: object, owner: type | None = None, /) -> Any: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def __getattr__(self, name: str) -> Any: ...

@final
class GeneratedInit(Generated):
    def __new__(
        cls, function: Any, keys: dict[str, str], used: dict[str, object], owner: type
    ) -> Self: ...

@final
class GeneratedSetter(Generated):
    def __new__(
        cls,
        function: Any,
        keys: dict[str, str],
        used: dict[str, object],
        group: str,
        in_context: bool,
    ) -> Self: ...

def install_native_methods(cls: type) -> None:
    """Replace a new class's generated ``__init__`` and setters by native equivalents."""
