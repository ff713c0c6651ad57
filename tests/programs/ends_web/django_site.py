"""A Django site in one file, its settings and its only view; it tracks each path."""

from django.http import HttpRequest, HttpResponse
from django.urls import re_path

from tests.programs.ends_web.service import LINE, track

SECRET_KEY = "of no use to anybody"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = __name__
INSTALLED_APPS = ["paltabrain_fast.contrib.django"] if LINE == "INSTALLED_APPS" else []
PALTABRAIN_SDK = "tests.programs.ends_web.service.sdk"


def answer(request: HttpRequest) -> HttpResponse:
    return HttpResponse(track(request.path))


urlpatterns = [re_path("", answer)]
