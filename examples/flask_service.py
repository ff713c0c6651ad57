"""A Flask service under gunicorn: each event has the user of its request.

Run it in this folder, and order something::

    gunicorn --preload --workers 2 --threads 4 flask_service:app
    curl -X POST -H "X-User: ann" "localhost:8000/orders?item=tea&price=3.50"

The event ``Purchase`` arrives within five seconds, or at once when you stop the service: gunicorn's
workers end as Python does, and nothing has to be added for that.
"""

import time
from decimal import Decimal
from typing import Any

from config import Context, EnumPaymentResult, EventPageOpen, EventPurchase
from flask import Flask, request

from paltabrain_fast import PaltabrainSdk
from paltabrain_fast.contrib.wsgi import ContextMiddleware

sdk = PaltabrainSdk[Context](context=Context())
sdk.context.set_application(app_id="shop", app_version="1.2.3")  # for all requests
sdk.warm_up()  # with --preload once, before the workers are forked; without, in each of them


def identify(context: Context, environ: dict[str, Any]) -> None:
    context.set_user(user_id=environ.get("HTTP_X_USER"))  # for this request


app = Flask(__name__)
app.wsgi_app = ContextMiddleware(app.wsgi_app, sdk, identify)  # type: ignore[method-assign]


@app.get("/pages/<page_id>")
def open_page(page_id: str) -> dict[str, str]:
    sdk.track(EventPageOpen(page_id=page_id))
    return {"page": page_id}


@app.post("/orders")
def order() -> dict[str, str]:
    price = Decimal(request.args["price"])
    result = pay(price)  # other requests run meanwhile
    sdk.track(
        EventPurchase(price=price, currency="EUR", result=result, items=[request.args["item"]])
    )
    return {"result": result.name}


def pay(price: Decimal) -> EnumPaymentResult:
    """Stand in for a payment provider, which takes its time."""
    time.sleep(0.05)
    return EnumPaymentResult.PAID if price > 0 else EnumPaymentResult.FAILED
