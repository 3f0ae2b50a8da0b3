"""The REST router and what all of REST shares: pages, and errors of one shape."""

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.pagination import PageNumberPagination
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.views import exception_handler as drf_exception_handler


class Pagination(PageNumberPagination):
    page_size_query_param = "page_size"
    max_page_size = 1000


class Conflict(exceptions.APIException):
    """The request is right, but not in this state (a run that is over cannot be paused): 409 with a sentence."""

    status_code = 409
    default_code = "conflict"


def exception_handler(error: Exception, context: dict) -> Response | None:
    """Django's 403 and 404 keep the sentence that they were raised with."""
    if isinstance(error, Http404):
        error = exceptions.NotFound(str(error) or None)
    elif isinstance(error, DjangoPermissionDenied):
        error = exceptions.PermissionDenied(str(error) or None)
    return drf_exception_handler(error, context)


router = SimpleRouter()
