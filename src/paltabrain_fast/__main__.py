"""``python -m paltabrain_fast``: the command line, as ``paltabrain-fast`` is.

Under their names in ``paltabrain_sdk.__main__``, what downloads the config module:

- ``download_config_entry_point()`` is the console script ``paltabrain-sdk-download-config``: it
  reads ``sys.argv`` and returns the exit code;
- ``download_config_zip(hostname, api_key)`` returns the bytes of the ZIP that the server has.
"""

from .cli import main
from .cli.download_config import download_config_zip
from .cli.download_config import main as download_config_entry_point

__all__ = ["download_config_entry_point", "download_config_zip"]

if __name__ == "__main__":
    main()
