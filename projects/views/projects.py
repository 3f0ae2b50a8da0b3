from django.http import HttpRequest, HttpResponse


def home(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")


def project_new(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")


def overview(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")


def settings(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")


def archive(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")


def delete(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")


def members(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")


def labels(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")
