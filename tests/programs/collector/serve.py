"""Runs a collector over a file until its input ends; prints its URL. It may be killed."""

import sys
from pathlib import Path

from paltabrain_fast.collector.server import running
from tests.collector.batches import SCHEMA

with running(SCHEMA, Path(sys.argv[1])) as collector:
    print(collector.http_url, flush=True)
    sys.stdin.read()
