"""Issues a certificate: ``issue_certificate.py DIRECTORY VALID_DAYS NAME...``; see certificates.py.

The authority is kept in the directory, and made if it is not there yet.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

directory, now = Path(sys.argv[1]), datetime.now(UTC)
ca_file, ca_key = directory / "ca.pem", directory / "ca.key"
if ca_key.exists():
    authority = trustme.CA.from_pem(ca_file.read_bytes(), ca_key.read_bytes())
else:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(ca_file))
    authority.private_key_pem.write_to_path(str(ca_key))
certificate = authority.issue_cert(
    *sys.argv[3:],
    not_before=now - timedelta(days=1000),
    not_after=now + timedelta(days=int(sys.argv[2])),
)
certificate.private_key_and_cert_chain_pem.write_to_path(str(directory / "server.pem"))
