from typing import Any

class Generated:
    """Stands in for a function that was recognised as generated, and does the same."""

    @property
    def __wrapped__(self) -> Any: ...
    def __get__(self, instance: object, owner: type | None = None) -> Any: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def __getattr__(self, name: str) -> Any: ...

class GeneratedInit(Generated):
    def __init__(
        self, function: Any, keys: dict[str, str], used: dict[str, object], owner: type
    ) -> None: ...

class GeneratedSetter(Generated):
    def __init__(
        self,
        function: Any,
        keys: dict[str, str],
        used: dict[str, object],
        group: str,
        in_context: bool,
    ) -> None: ...

def install_native_methods(cls: type) -> None:
    """Replace a new class's generated ``__init__`` and setters by native equivalents."""
