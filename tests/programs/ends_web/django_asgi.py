"""The Django site as an ASGI application, which has no lifespan of its own."""

from django.core.asgi import get_asgi_application

from paltabrain_fast.contrib.asgi import LifespanMiddleware
from tests.programs.ends_web.service import LINE, sdk

application = get_asgi_application()
if LINE == "LifespanMiddleware":
    application = LifespanMiddleware(application, sdk, timeout=30)
