"""``python -m paltabrain_fast``: the command line, as ``paltabrain-fast`` is.

Under their names in ``paltabrain_sdk.__main__``, what downloads the config module:

- ``download_config_entry_point()`` is the console script ``paltabrain-sdk-download-config``: it
  reads ``sys.argv``, and exits by ``SystemExit`` when the download fails;
- ``download_config_zip(hostname, api_key)`` returns the bytes of the ZIP that the server has.
"""

import sys

from .cli import main
from .cli.download_config import download_config_zip
from .cli.download_config import main as _download_config

__all__ = ["download_config_entry_point", "download_config_zip"]


def download_config_entry_point() -> None:
    """Download the config module as the arguments of this process say.

    Raises:
        SystemExit: with code 1 if it fails, 2 after a usage error, 0 after ``--help``.
    """
    if code := _download_config():
        sys.exit(code)


if __name__ == "__main__":
    main(is_module=True)
