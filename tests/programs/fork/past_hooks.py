"""Has two SDKs at work when a C library forks; prints the sessions of the processes.

``past_hooks HOSTNAME FIRST``, where the child notices the fork by what it does first.
"""

import sys

from tests.support.events import TextEvent
from tests.support.forks import fork_past_hooks, make_sdk, reap

first = sys.argv[2]
sdk, other = make_sdk(start_session=True), make_sdk()
other.track(TextEvent("other before:0"))
for number in range(25):
    sdk.track(TextEvent(f"before:{number}"))
    if number == 0:
        # connected, as nobody holds back such a fork while OpenSSL has locks in a handshake
        assert sdk.flush(timeout=30)
        assert other.flush(timeout=30)
child = fork_past_hooks()
if child == 0:
    if first == "flush":
        assert sdk.flush(timeout=30)
    elif first == "stats":
        assert sdk.stats().accepted == 0
    elif first == "number":
        assert sdk.session_event_seq_num == 0
    if first != "nothing":
        for number in range(25):
            sdk.track(TextEvent(f"child:{number}"))
        other.track(TextEvent("other child:0"))
        assert sdk.flush(timeout=30)
        assert other.flush(timeout=30)
        assert sdk.session_event_seq_num == 25
        print(sdk.session_id, flush=True)
    sys.exit()
reap(child)
assert sdk.shutdown()
assert other.shutdown()
assert sdk.stats().retries == 0
print(sdk.session_id)
