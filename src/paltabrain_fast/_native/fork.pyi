def note_inside(change: int) -> None:
    """Note that this thread enters the SDK's own code, or leaves it: 1 or -1."""

def count_forks() -> int:
    """Return how many forks lie between this process and the one that loaded the module."""

def finish_fork() -> bool:
    """Do in a forked child what Python would have done, had it known of the fork.

    That is ``PyOS_AfterFork_Child``: it makes the GIL and the interpreter's locks anew, forgets the
    parent's threads and calls what was given to ``os.register_at_fork``. Does nothing, and returns
    ``False``, if the child has more than one thread by now or if there is no GIL.
    """

def free_object_locks() -> None:
    """Free, in a forked child, the locks of objects that threads of the parent held.

    Does nothing if the child has more than one thread by now or if there is a GIL.
    """
