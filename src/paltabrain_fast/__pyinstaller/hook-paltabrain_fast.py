"""Makes PyInstaller include modules that it cannot find: imports of extensions and of the alias."""

from PyInstaller.utils.hooks import collect_submodules

# The SDK needs none of these. __main__ imports the commands, and so the collector and DuckDB.
_EXTRAS = ("__main__", "__pyinstaller", "cli", "collector", "contrib", "schema")


def _is_needed(name: str) -> bool:
    return not name.startswith(tuple(f"paltabrain_fast.{extra}" for extra in _EXTRAS))


hiddenimports = [
    *collect_submodules("paltabrain_fast", _is_needed),
    "decimal",
    "google.protobuf.descriptor_pb2",
    "google.protobuf.message_factory",
]
