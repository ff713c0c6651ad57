"""Constants of the PaltaBrain protocol, defaults of the options, and their variables."""

from typing import Final

SDK_NAME: Final = "PALTABRAIN_PYTHON"
"""Value of the header ``X-SDK-Name``, by which PaltaBrain's API knows this SDK."""

LOGGER_NAME: Final = "paltabrain_sdk"
"""Name of the package's logger: the one that users of ``paltabrain_sdk`` already configure."""

ENDPOINT_BATCH: Final = "/v2/paltabrain"
ENDPOINT_CONFIG: Final = "/v2/schema/sdk_python.zip"
CONTENT_TYPE: Final = "application/protobuf"

HOSTNAME_VARIABLE: Final = "PALTABRAIN_SDK_HOSTNAME"
API_KEY_VARIABLE: Final = "PALTABRAIN_SDK_API_KEY"
"""Environment variables that stand in for the options ``hostname`` and ``api_key``."""

BATCH_MAX_BYTE_SIZE: Final = 524_288
"""Largest body of a batch in bytes (512 KiB), framing included."""

DEFAULT_FLUSH_BUFFER_SIZE: Final = 100
"""Number of buffered events that starts a flush."""

DEFAULT_FLUSH_INTERVAL_MS: Final = 5000
"""Milliseconds between flushes."""

DEFAULT_FLUSH_MAX_RETRIES: Final = 5
"""Total number of attempts for a batch."""

DEFAULT_FLUSH_PACE_MS: Final = 50
"""Milliseconds from a flush to the next that is started by the number of events, at least."""

DEFAULT_OUTAGE_SECONDS: Final = 300
"""For how long events are kept while the server cannot be reached."""

REQUEST_MAX_WORKERS: Final = 20
"""Number of requests that run in parallel; default of ``max_in_flight``."""

REQUEST_TIMEOUT: Final = 10
"""Seconds for one attempt; default of ``request_timeout``."""

BATCH_STATUS_SUCCESS: Final = "SUCCESS"
BATCH_STATUS_REJECT: Final = "REJECT"
BATCH_STATUS_EXCEPTION: Final = "EXCEPTION"
