from django.http import HttpRequest, HttpResponse


def datasets(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")


def dataset_new(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")


def dataset(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")


def report(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")
