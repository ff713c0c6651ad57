"""The SDK of the site, which ``settings.py`` names."""

from config import Context
from django.http import HttpRequest

from paltabrain_fast import PaltabrainSdk

sdk = PaltabrainSdk[Context](context=Context())
sdk.context.set_application(app_id="shop", app_version="1.2.3")  # for all requests
sdk.warm_up()  # when the site is loaded, before the first request


def identify(context: Context, request: HttpRequest) -> None:
    context.set_user(user_id=request.headers.get("X-User"))  # for this request
