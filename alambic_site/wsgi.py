"""The entry point of the web server."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "alambic_site.settings")
application = get_wsgi_application()
# Loaded before the server forks: otherwise each process loads all addresses, and what is behind them, at its first request.
get_resolver()._populate()
