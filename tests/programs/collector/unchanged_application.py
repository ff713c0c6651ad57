"""An application that gives neither hostname nor key; prints how many events were delivered."""

from examples.config import Context, EventSessionStart
from paltabrain_fast import PaltabrainSdk

with PaltabrainSdk(context=Context(), start_session=True) as sdk:
    sdk.track(EventSessionStart())
print(sdk.stats().delivered)
