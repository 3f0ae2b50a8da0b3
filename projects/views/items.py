from django.http import HttpRequest, HttpResponse


def items(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")


def item(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")


def image(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")


def export(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")
