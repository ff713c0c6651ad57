"""Runs the first example of the README, but for the name of its host (argument: hostname)."""

import re
import sys
from pathlib import Path

root = Path(__file__).parents[3]
example = re.findall(r"```python\n(.*?)```", (root / "README.md").read_text("utf-8"), re.DOTALL)[0]
sys.path.insert(0, str(root / "examples"))
code = example.replace("my_config", "config").replace("telemetry.example.com", sys.argv[1])
assert "with PaltabrainSdk" in code
assert sys.argv[1] in code
exec(compile(code, "README.md", "exec"))
