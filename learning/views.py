from django.http import HttpRequest, HttpResponse


def distilling(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")


def run(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")


def state(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")


def results(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")


def act(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")


def runs(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")


def run_new(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")
