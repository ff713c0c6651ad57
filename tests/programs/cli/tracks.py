"""An application as ``run`` finds it: it has hostname, key and certificates of the environment.

``tracks MODULE_DIR CODE EVENT...``: tracks the events that are named, and ends with the code.
"""

import sys

import paltabrain_fast

sys.path.insert(0, sys.argv[1])
config = __import__("config")

sdk = paltabrain_fast.PaltabrainSdk(context=config.Context())
for name in sys.argv[3:]:
    sdk.track(getattr(config, name)())
print("read:", sys.stdin.read())
sys.exit(int(sys.argv[2]))
