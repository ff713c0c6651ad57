"""One of the native modules fails to be imported; says what is left of another."""

import sys
import warnings

sys.modules["paltabrain_fast.encoding.recognition"] = None  # type: ignore[assignment]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import paltabrain_fast
assert "native engine cannot be loaded" in str(caught[0].message), caught
print(paltabrain_fast.engine, "paltabrain_fast._native.generated" in sys.modules)
