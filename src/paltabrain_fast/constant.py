"""Facts of the PaltaBrain protocol that a receiver can see, and where options come from."""

from typing import Final

SDK_NAME: Final = "PALTABRAIN_PYTHON"
"""Sent as ``X-SDK-Name``; the value that PaltaBrain's API knows this SDK by."""

LOGGER_NAME: Final = "paltabrain_sdk"
"""Name of the package's logger, as users of ``paltabrain_sdk`` already configure it."""

ENDPOINT_BATCH: Final = "/v2/paltabrain"
ENDPOINT_CONFIG: Final = "/v2/schema/sdk_python.zip"
CONTENT_TYPE: Final = "application/protobuf"

HOSTNAME_VARIABLE: Final = "PALTABRAIN_SDK_HOSTNAME"
API_KEY_VARIABLE: Final = "PALTABRAIN_SDK_API_KEY"
"""Environment variables that stand in for the options ``hostname`` and ``api_key``."""

BATCH_MAX_BYTE_SIZE: Final = 524_288
"""Largest body of a batch, framing included (512 KiB)."""

DEFAULT_FLUSH_BUFFER_SIZE: Final = 100
"""Number of buffered events that starts a flush."""

DEFAULT_FLUSH_INTERVAL_MS: Final = 5000
"""Milliseconds between flushes."""

DEFAULT_FLUSH_MAX_RETRIES: Final = 5
"""Total number of attempts for a batch."""

REQUEST_MAX_WORKERS: Final = 20
"""How many requests run in parallel, and how many batches may be in flight if not told."""

REQUEST_TIMEOUT: Final = 10
"""Seconds for one attempt, if not told."""

BATCH_STATUS_SUCCESS: Final = "SUCCESS"
BATCH_STATUS_REJECT: Final = "REJECT"
BATCH_STATUS_EXCEPTION: Final = "EXCEPTION"
