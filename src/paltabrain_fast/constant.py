"""Facts of the PaltaBrain protocol: names, paths and limits that a receiver can see."""

from typing import Final

SDK_NAME: Final = "PALTABRAIN_PYTHON"
"""Sent as ``X-SDK-Name``; the value that PaltaBrain's API knows this SDK by."""

LOGGER_NAME: Final = "paltabrain_sdk"
"""Name of the package's logger, as users of ``paltabrain_sdk`` already configure it."""

BATCH_PATH: Final = "/v2/paltabrain"
CONFIG_PATH: Final = "/v2/schema/sdk_python.zip"
CONTENT_TYPE: Final = "application/protobuf"

MAX_BATCH_BYTES: Final = 524_288
"""Largest body of a batch, framing included (512 KiB)."""

BATCH_STATUS_SUCCESS: Final = "SUCCESS"
BATCH_STATUS_REJECT: Final = "REJECT"
BATCH_STATUS_EXCEPTION: Final = "EXCEPTION"
