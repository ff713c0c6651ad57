"""The settings: the fewest that a site needs, and those of the SDK."""

SECRET_KEY = "only for the example"
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
ROOT_URLCONF = "django_shop.urls"
WSGI_APPLICATION = "django_shop.wsgi.application"
USE_TZ = True

INSTALLED_APPS = ["paltabrain_fast.contrib.django"]
MIDDLEWARE = ["paltabrain_fast.contrib.django.middleware.ContextMiddleware"]
PALTABRAIN_SDK = "django_shop.analytics.sdk"
PALTABRAIN_FILL_CONTEXT = "django_shop.analytics.identify"
