"""Who must log in, and who must change the password first."""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, resolve_url
from django.utils.http import urlencode

# What somebody with a temporary password can still reach; REST answers with a sentence instead of a redirect.
_OPEN = {"account", "login", "logout"}


class LoginRequired(LoginRequiredMiddleware):
    """Every page needs a login unless it says otherwise (REST decides by itself, with 401).

    A page that asks in the background (htmx, fetch) must not get the login form into its middle: htmx is told to go there,
    fetch gets 401.
    """

    def handle_no_permission(self, request: HttpRequest, view_func: Callable) -> HttpResponse:
        if getattr(request, "htmx", False):
            url = urlsplit(request.headers.get("HX-Current-URL", ""))
            login = f"{resolve_url('login')}?{urlencode({'next': url.path or '/'})}"
            return HttpResponse(status=401, headers={"HX-Redirect": login})
        if request.headers.get("Sec-Fetch-Dest") == "empty" or "application/json" in request.headers.get("Accept", ""):
            return JsonResponse({"detail": "You are logged out. Log in again, in this or another tab."}, status=401)
        return super().handle_no_permission(request, view_func)


class PasswordChange:
    """A temporary password opens one page only: the one on which it is changed."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view_func: Callable, args: tuple, kwargs: dict) -> HttpResponse | None:
        if not request.user.is_authenticated or not request.user.must_change_password:
            return None
        if request.resolver_match.url_name in _OPEN:
            return None
        if request.path.startswith("/api/"):
            return JsonResponse({"detail": "Change your temporary password first, on your account page."}, status=403)
        return redirect("account")
