"""Template helpers that every page has."""

import markdown_it
import nh3
from django import template
from django.utils.safestring import SafeString, mark_safe

register = template.Library()
_markdown = markdown_it.MarkdownIt("commonmark", {"breaks": True}).enable("table")


@register.filter
def markdown(text: str) -> SafeString:
    """Rendered and sanitised Markdown. It stands below a page's h1 and a section's h2, so its first heading is an h3."""
    tokens = _markdown.parse(text or "")
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(6, int(token.tag[1]) + 2)}"
    return mark_safe(nh3.clean(_markdown.renderer.render(tokens, _markdown.options, {})))  # noqa: S308 - nh3 has cleaned it


@register.filter
def percent(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{100 * value:.{digits}f} %"


@register.filter
def ink(color: str) -> str:
    """Black or white, whichever is readable on this background colour (WCAG relative luminance)."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if luminance > 0.179 else "#ffffff"


@register.simple_tag(takes_context=True)
def nav_class(context, *names: str) -> str:
    """`current` where one of these URL names is the page's own."""
    match = getattr(context.get("request"), "resolver_match", None)
    return "current" if match and match.url_name in names else ""
