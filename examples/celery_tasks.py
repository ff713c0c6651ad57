"""Celery tasks: each event has the user of its task, and the worker delivers when it ends.

Run it in this folder, beside a broker (Redis here; ``CELERY_BROKER_URL`` names another), and give
it a task::

    celery -A celery_tasks worker --loglevel INFO
    celery -A celery_tasks call celery_tasks.order --args '["ann", "tea", "3.50"]'

The event ``Purchase`` arrives within five seconds, or at once when you stop the worker.
"""

from decimal import Decimal
from typing import Any

from celery import Celery
from celery.signals import worker_init
from config import Context, EnumPaymentResult, EventPurchase

from paltabrain_fast import PaltabrainSdk

app = Celery("celery_tasks", broker="redis://localhost")

sdk = PaltabrainSdk[Context](context=Context())
sdk.context.set_application(app_id="shop", app_version="1.2.3")  # for all tasks


@worker_init.connect
def warm_up(**_signal: Any) -> None:
    sdk.warm_up()  # once, before the worker forks its children


@app.task
def order(user_id: str, item: str, price: str) -> None:
    with sdk.scoped_context() as context:  # of this task alone
        context.set_user(user_id=user_id)
        sdk.track(
            EventPurchase(
                price=Decimal(price),
                currency="EUR",
                result=EnumPaymentResult.PAID,
                items=[item],
            )
        )
