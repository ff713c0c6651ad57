"""gevent has replaced the classes of ``ssl``: certificates are read once all the same."""

from importlib import import_module

import_module("gevent.monkey").patch_all()

from paltabrain_fast.transport.environment import Trust

trust = Trust(None)
assert trust.context() is trust.context()
