from django.http import HttpRequest, HttpResponse


def label(request: HttpRequest, **kwargs) -> HttpResponse:
    return HttpResponse("not built yet")
