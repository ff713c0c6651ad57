"""What surrounds the SDK: clock, locks, threads, forks, the end of the process, the log.

The lowest layer: of the package it imports nothing but ``constant``.
"""
