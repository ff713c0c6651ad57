"""An AWS Lambda function: what a call has tracked is delivered before Lambda freezes the process.

Give Lambda ``lambda_handler.handler`` as the handler. To try it here, in this folder::

    python lambda_handler.py

It calls the handler once and prints what that returns; the event ``Purchase`` has arrived then.
"""

from decimal import Decimal
from typing import Any

from config import Context, EnumPaymentResult, EventPurchase

from paltabrain_fast import PaltabrainSdk

sdk = PaltabrainSdk[Context](context=Context())
sdk.context.set_application(app_id="shop", app_version="1.2.3")  # for all calls
sdk.warm_up()  # when Lambda loads the function, before the first call


def handler(event: dict[str, Any], _lambda_context: object) -> dict[str, Any]:
    try:
        with sdk.scoped_context() as context:  # of this call alone
            context.set_user(user_id=event["user_id"])
            sdk.track(
                EventPurchase(
                    price=Decimal(event["price"]),
                    currency="EUR",
                    result=EnumPaymentResult.PAID,
                    items=[event["item"]],
                )
            )
        return {"statusCode": 200, "body": f"{event['user_id']} bought {event['item']}"}
    finally:
        sdk.flush(timeout=2)  # what is left after two seconds goes out with the next call


if __name__ == "__main__":
    print(handler({"user_id": "ann", "item": "tea", "price": "3.50"}, None))
