"""The engine in pure Python, on protobuf, ``deque`` and ``uuid6``: short and obvious.

It is the oracle of the tests, the baseline of the benchmarks, and what runs where the extension
cannot be loaded.
"""
