"""What every page knows."""

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict:
    return {"version": settings.SPECTACULAR_SETTINGS["VERSION"]}
