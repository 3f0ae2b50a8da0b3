"""A text with its marks, in parts that a page writes one after the other."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from projects.models import Label


@dataclass
class Part:
    """A piece of the text: `over`, the colours of the marks that cover it; `ends`, the labels of the marks that end with it."""

    text: str
    over: list[str] = field(default_factory=list)
    ends: list[Label] = field(default_factory=list)


def marked(content: str, spans: Iterable[dict] | None, labels: Iterable[Label]) -> list[Part]:
    """The whole content; `spans` as REST gives them, each inside of it."""
    spans, by_name = list(spans or []), {label.name: label for label in labels}
    cuts = sorted({0, len(content), *(span["start"] for span in spans), *(span["end"] for span in spans)})
    parts = []
    for start, end in zip(cuts, cuts[1:], strict=False):
        over = [span for span in spans if span["start"] < end and start < span["end"]]
        known = [(span, by_name[span["label"]]) for span in over if span["label"] in by_name]
        ends = [label for span, label in known if span["end"] == end]
        parts.append(Part(content[start:end], [label.color for _, label in known], ends))
    return parts
