"""The views, and where they are."""

import time
from decimal import Decimal

from config import EnumPaymentResult, EventPageOpen, EventPurchase
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.http import require_POST

from .analytics import sdk


def open_page(_request: HttpRequest, page_id: str) -> JsonResponse:
    sdk.track(EventPageOpen(page_id=page_id))
    return JsonResponse({"page": page_id})


@require_POST
def order(request: HttpRequest) -> JsonResponse:
    price = Decimal(request.GET["price"])
    result = pay(price)  # other requests run meanwhile
    sdk.track(
        EventPurchase(price=price, currency="EUR", result=result, items=[request.GET["item"]])
    )
    return JsonResponse({"result": result.name})


def pay(price: Decimal) -> EnumPaymentResult:
    """Stand in for a payment provider, which takes its time."""
    time.sleep(0.05)
    return EnumPaymentResult.PAID if price > 0 else EnumPaymentResult.FAILED


urlpatterns = [path("pages/<page_id>", open_page), path("orders", order)]
