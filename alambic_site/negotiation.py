"""What REST answers with; a module of its own, because REST framework imports it while it is being imported itself."""

from rest_framework.negotiation import DefaultContentNegotiation


class AnyAccept(DefaultContentNegotiation):
    """There is one renderer, JSON; what answers with a file answers with that file, whatever the Accept header says."""

    def select_renderer(self, request, renderers: list, format_suffix: str | None = None) -> tuple:
        return renderers[0], renderers[0].media_type
