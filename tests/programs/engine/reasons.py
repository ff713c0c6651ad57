"""Print why classes of the config module are not accelerated, one a line."""

from config import Context, EventPageOpen

import paltabrain_fast

for cls in Context, EventPageOpen:
    print(paltabrain_fast.explain(cls).reason)
