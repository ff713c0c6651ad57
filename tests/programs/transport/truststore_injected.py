"""Makes attempts beside each other, with ``truststore`` injected at a moment; prints what came.

``truststore_injected WHEN HOSTNAME TIMEOUT ATTEMPTS``
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import truststore

when, hostname, timeout, attempts = sys.argv[1:]


def inject(now: str) -> None:
    if now == when:
        truststore.inject_into_ssl()


inject("before import")
from paltabrain_fast.transport import HttpsTransport, Request

inject("before construction")
transport = HttpsTransport()
inject("before an attempt")
request = Request(f"https://{hostname}/", b"body", {}, float(timeout))
with ThreadPoolExecutor(int(attempts)) as threads:
    results = list(threads.map(transport.send, [request] * int(attempts)))
print(*{result.status or repr(result.error) for result in results})
