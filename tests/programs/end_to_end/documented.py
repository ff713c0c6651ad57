"""The use of the SDK that is documented (argument: hostname)."""

# ruff: noqa: F403, F405 - a star is what the documentation has

import sys

from config import *

from paltabrain_fast import PaltabrainSdk

with PaltabrainSdk[Context](
    hostname=sys.argv[1],
    api_key="the key",
    context=Context(),
) as sdk:
    sdk.context.set_application(
        app_id="<app_id>",
        app_platform="<app_platform>",
        app_version="<app_version>",
    )
    sdk.context.set_os(
        os_name="<os_name>",
        os_version="<os_version>",
    )
    # Event without properties
    sdk.track(EventSessionStart())
    # Event with event properties
    sdk.track(EventPermissionsRequest(is_granted=True, type="CAMERA"))
    # Event with event properties and header properties
    sdk.track(
        EventPageOpen(page_id="abc").set_parent(parent_elements=["main_screen", "first_block"])
    )
    # Incremental updates
    sdk.context.set_user(user_id="123", country_code="GB", is_trial=True)
    sdk.track(EventSessionEnd(duration_ms=1))
    sdk.context.set_user(is_paying=True)
    sdk.track(EventSessionEnd(duration_ms=2))
    sdk.context.set_user(user_id=None, country_code=None, is_trial=False, is_paying=False)
    sdk.track(EventSessionEnd(duration_ms=3))
sdk.shutdown()
assert sdk.batch_counters == {"SUCCESS": 4, "REJECT": 0, "EXCEPTION": 0}, sdk.last_request_error
assert sdk.last_serialization_error is None
