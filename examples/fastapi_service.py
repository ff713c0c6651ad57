"""A FastAPI service: each event has the user of its request, and none is lost when uvicorn ends.

Run it in this folder, also with ``--workers 4``, and order something::

    uvicorn fastapi_service:app
    curl -X POST -H "X-User: ann" "localhost:8000/orders?item=tea&price=3.50"

The event ``Purchase`` arrives within five seconds, or at once when you stop the service.
"""

import asyncio
from decimal import Decimal
from typing import Annotated

from config import Context, EnumPaymentResult, EventPageOpen, EventPurchase
from fastapi import Depends, FastAPI, Header

from paltabrain_fast import PaltabrainSdk
from paltabrain_fast.contrib.asgi import ContextMiddleware, LifespanMiddleware

sdk = PaltabrainSdk[Context](context=Context())
sdk.context.set_application(app_id="shop", app_version="1.2.3")  # for all requests
sdk.warm_up()  # before the first request; each worker is a process that imports this module


async def identify(x_user: Annotated[str, Header()]) -> None:
    sdk.context.set_user(user_id=x_user)  # for this request


app = FastAPI(dependencies=[Depends(identify)])
app.add_middleware(LifespanMiddleware, sdk=sdk)  # uvicorn ends by a signal: deliver before
app.add_middleware(ContextMiddleware, sdk=sdk)  # last, so that it is around all others


@app.get("/pages/{page_id}")
def open_page(page_id: str) -> dict[str, str]:
    sdk.track(EventPageOpen(page_id=page_id))
    return {"page": page_id}


@app.post("/orders")
async def order(item: str, price: Decimal) -> dict[str, str]:
    result = await pay(price)  # other requests run meanwhile
    sdk.track(EventPurchase(price=price, currency="EUR", result=result, items=[item]))
    return {"result": result.name}


async def pay(price: Decimal) -> EnumPaymentResult:
    """Stand in for a payment provider, which takes its time."""
    await asyncio.sleep(0.05)
    return EnumPaymentResult.PAID if price > 0 else EnumPaymentResult.FAILED
