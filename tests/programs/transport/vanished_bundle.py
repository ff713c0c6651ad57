"""A child whose bundle is gone, spoilt and back (arguments: class, hostname, bundle, how to fork).

The bundle is spoilt for the child only: its parent has read it before.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import sys
from pathlib import Path

from paltabrain_fast import Request
from paltabrain_fast import transport as transports
from tests.support.silence import await_silence

kind, hostname, ca_file, hooks = sys.argv[1:]
transport = getattr(transports, kind)(ca_bundle=ca_file)
request = Request(f"https://{hostname}/", b"", {}, 30)
bundle = Path(ca_file)
certificates = bundle.read_bytes()
assert transport.send(request).status == 200
await_silence()
pid = os.fork() if hooks == "hooks" else ctypes.PyDLL(None).fork()
if pid == 0:
    faulthandler.dump_traceback_later(40, exit=True)
    bundle.unlink()
    for _ in range(2):
        error = transport.send(request).error
        assert isinstance(error, ConnectionError), error
        assert f"CA bundle not found: {bundle}" in str(error), error
    bundle.touch()
    assert "without a certificate" in str(transport.send(request).error)
    bundle.write_bytes(certificates)
    assert transport.send(request).status == 200
    bundle.unlink()  # from now on the child trusts what it has read
    transport.close()
    assert transport.send(request).status == 200
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert not bundle.exists()
transport.close()
assert transport.send(request).status == 200
