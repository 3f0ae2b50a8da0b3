from django.http import HttpRequest, HttpResponse


def labels(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")
