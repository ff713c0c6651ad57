"""``python -m paltabrain_fast``: the same command line as ``paltabrain-fast``.

The module also has two functions under the names that they have in ``paltabrain_sdk.__main__``:

- ``download_config_entry_point()`` is the console script ``paltabrain-sdk-download-config``. It
  reads ``sys.argv`` and raises ``SystemExit`` if the download fails.
- ``download_config_zip(hostname, api_key)`` returns the ZIP that the server sends, as bytes.
"""

import sys

from .cli import main
from .cli.download_config import download_config_zip
from .cli.download_config import main as _download_config

__all__ = ["download_config_entry_point", "download_config_zip"]


def download_config_entry_point() -> None:
    """Download the config module; the arguments are those of the process, ``sys.argv``.

    Raises:
        SystemExit: with code 1 if it fails, 2 after a usage error, 0 after ``--help``.
    """
    if code := _download_config():
        sys.exit(code)


if __name__ == "__main__":
    main(is_module=True)
