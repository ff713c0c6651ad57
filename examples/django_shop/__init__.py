"""A Django site: each event has the user of its request.

Run it in the folder above, and order something::

    gunicorn --workers 2 --threads 4 django_shop.wsgi
    curl -X POST -H "X-User: ann" "localhost:8000/orders?item=tea&price=3.50"

While you develop, with the reloader::

    python -m django runserver --settings django_shop.settings

The event ``Purchase`` arrives within five seconds, or at once when you stop the service; with the
development server always at once. ``analytics.py`` has the SDK, ``settings.py`` the lines for it.
"""
