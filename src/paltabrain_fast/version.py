"""The version, and nothing else: read by the build and sent as ``X-SDK-Version``."""

__version__ = "0.1.0"
