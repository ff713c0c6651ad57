def plan_classes() -> None:
    """Make the plans of the classes whose instances were tracked without one.

    Any thread may call it.
    """

def slow_reason(cls: type) -> str | None:
    """Tell why instances of a class are left to their own methods, ``None`` if they are not.

    Raises:
        TypeError: it is no class of events or contexts.
    """
