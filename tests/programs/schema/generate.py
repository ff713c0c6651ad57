"""Generate a package (arguments: the schema, the directory)."""

import sys
from pathlib import Path

from paltabrain_fast.schema.generate import generate
from paltabrain_fast.schema.load import load_schema

generate(load_schema(Path(sys.argv[1])), Path(sys.argv[2]))
