from django.http import HttpRequest, HttpResponse


def account(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")


def people(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")


def person_new(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")


def person(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")
