def uuid_v7() -> str:
    """Return a new UUIDv7 (RFC 9562) as 36 lower-case characters with hyphens.

    Increasing within the process, whatever the clock does; unique across threads, processes and
    forks. Randomness comes from ``os.urandom``.

    Raises:
        OSError: the operating system gives no randomness.
    """
