"""The reference engine in pure Python, on protobuf, ``deque`` and ``uuid6``: short and obvious.

The native engine is tested against it and measured against it. The SDK runs on it where the
extension cannot be loaded.
"""
