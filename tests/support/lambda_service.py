"""The API from which the runtime of AWS Lambda takes its calls, on loopback.

It freezes the process of the runtime as Lambda does: as soon as it has the answer of a call.
"""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self

__all__ = ["LambdaService"]

_ROOT: Final = "/2018-06-01/runtime"


class LambdaService:
    """Serves one runtime; a context manager.

    Attributes:
        address: what the variable ``AWS_LAMBDA_RUNTIME_API`` is to be.
        calls: what the function is to be called with; ``None``: nothing more.
        answers: what the runtime has answered.
        process: the one to freeze.
    """

    def __init__(self) -> None:
        self.calls: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.process: subprocess.Popen[str] | None = None
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                """Give the runtime its next call, when there is one."""
                assert self.path == f"{_ROOT}/invocation/next"
                if (call := service.calls.get()) is None:
                    self.close_connection = True
                    return
                self._send(200, json.dumps(call).encode())

            def do_POST(self) -> None:
                """Take the answer of a call, and freeze the process."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert service.process is not None
                service.process.send_signal(signal.SIGSTOP)
                self._send(202, b"")
                service.answers.put(json.loads(body))

            def _send(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Lambda-Runtime-Aws-Request-Id", "request")
                self.send_header("Lambda-Runtime-Deadline-Ms", "9999999999999")
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:::example")
                self.send_header("Lambda-Runtime-Trace-Id", "Root=1")
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing of requests."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.address = f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.calls.put(None)
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def call(self, event: dict[str, Any], process: subprocess.Popen[str]) -> Any:
        """Call the function, and return its answer once the process is frozen.

        Args:
            event: what the function is called with.
            process: the one of the runtime; continue it before the next call.
        """
        self.process = process
        self.calls.put(event)
        return self.answers.get(timeout=60)
