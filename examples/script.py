"""A script that reports a file of orders, each with the user who placed it.

Run it in this folder; it prints a line for each order, and at last what has arrived::

    python script.py orders.csv

``with`` delivers at the end of the script, also at an exception or Ctrl-C; ``flush_on_sigterm``
does when the script is stopped, as by ``docker stop``.
"""

import csv
import sys
from decimal import Decimal

from config import Context, EnumPaymentResult, EventPurchase

from paltabrain_fast import PaltabrainSdk


def report(path: str, sdk: PaltabrainSdk[Context]) -> None:
    with open(path, newline="", encoding="utf-8") as file:
        for order in csv.DictReader(file):
            with sdk.scoped_context() as context:  # of this order alone
                context.set_user(user_id=order["user"])
                sdk.track(
                    EventPurchase(
                        price=Decimal(order["price"]),
                        currency="EUR",
                        result=EnumPaymentResult.PAID,
                        items=[order["item"]],
                    )
                )
            print(order["user"], "bought", order["item"])


def main() -> None:
    context = Context().set_application(app_id="orders", app_version="1.2.3")
    with PaltabrainSdk[Context](context=context, flush_on_sigterm=True) as sdk:
        report(sys.argv[1], sdk)
    stats = sdk.stats()
    print(f"{stats.delivered} events delivered, {sum(stats.dropped.values())} lost")


if __name__ == "__main__":
    main()
