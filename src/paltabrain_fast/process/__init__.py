"""What surrounds the SDK: clock, locks, threads, forks, the end of the process, the log.

Of the package it imports only ``constant``.
"""
