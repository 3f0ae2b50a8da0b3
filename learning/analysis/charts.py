"""Charts of an analysis as SVG text: plain data in, one <svg> out; the same in a light page, a dark one, on paper and in a file.

Colours are CSS variables with a fallback, so a page may change them and a file needs no style sheet. Strategies differ by colour
(Okabe & Ito 2008, Color universal design), dash and marker, so no reader depends on one of the three. Text stays text.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from django.utils.html import conditional_escape, escape
from django.utils.safestring import SafeString, mark_safe
from scipy.optimize import isotonic_regression

Number = float | None

INK, SOFT, LINE, CARD = "var(--ink, #221d17)", "var(--soft, #61584c)", "var(--line, #e2dbcf)", "var(--card, #ffffff)"
GOOD, BAD = "var(--good, #1c6b3a)", "var(--bad, #a3231d)"
# Okabe and Ito's palette without its yellow, which is not seen on white, and its black, which is the baseline's.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
DASHES = ("", "9 3", "3 3", "10 3 3 3")
MARKERS = (
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",  # circle
    "M-3.6-3.6h7.2v7.2h-7.2z",  # square
    "M0-4.8 4.5 3.4h-9z",  # triangle
    "M0-5 5 0 0 5-5 0z",  # diamond
    "M0 4.8 4.5-3.4h-9z",  # triangle, upside down
)
BASELINE_MARKER = "M-1.5-4.2h3v2.7h2.7v3h-2.7v2.7h-3v-2.7h-2.7v-3h2.7z"  # plus
FONT = 12
_CHAR = 0.6 * FONT  # of the widest of the usual fonts, on average
_GAP = FONT + 3  # between two labels that stand below each other
_MOST_NAME = 26


@dataclass(frozen=True)
class Style:
    color: str
    dash: str
    marker: str


def style_of(place: int) -> Style:
    """How the strategy at this place of the plan is drawn everywhere; 0 is the baseline. Sixty differ."""
    if place == 0:
        return Style(INK, "", BASELINE_MARKER)
    i = place - 1
    color = f"var(--series-{i % len(COLORS) + 1}, {COLORS[i % len(COLORS)]})"
    return Style(color, DASHES[i % len(DASHES)], MARKERS[i % len(MARKERS)])


@dataclass(frozen=True)
class Curve:
    """x, mean, low and high: (T,); None where nothing is known."""

    name: str
    place: int
    x: Sequence[float]
    mean: Sequence[Number]
    low: Sequence[Number]
    high: Sequence[Number]


@dataclass(frozen=True)
class Difference:
    """Of one strategy to the baseline, with its interval; `text` stands at its right."""

    name: str
    place: int
    mean: float
    low: Number
    high: Number
    found: bool
    text: str


@dataclass(frozen=True)
class Axis:
    """From values to pixels, with the ticks that are shown."""

    low: float
    high: float
    start: float
    end: float
    ticks: Sequence[tuple[float, str]]
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, value = (math.log(v) for v in (self.low, self.high, value)) if self.log else (self.low, self.high, value)
        return self.start + (value - low) / (high - low) * (self.end - self.start)


# --- Charts


def curve_chart(
    curves: Sequence[Curve],
    *,
    title: str,
    y_label: str,
    x_label: str = "Labels",
    ceiling: dict[str, Number] | None = None,
    target: float | None = None,
    bounds: tuple[Number, Number] = (0.0, 1.0),
    whole_bands: bool = False,
    width: int = 640,
    height: int = 360,
) -> SafeString:
    """Mean curves with their bands, each named at its end; the full-data model and the target as lines across.

    Bands may be cut where they would make the means flat, unless they are wanted whole.
    """
    shown = [curve for curve in curves if any(value is not None for value in curve.mean)]
    lines = {"all labels": (ceiling or {}).get("mean"), "target": target}
    lines = {name: value for name, value in lines.items() if value is not None}
    spread_of = _in_sight(shown)
    if whole_bands:
        spread_of = [*spread_of, *(v for curve in shown for v in (*curve.low, *curve.high) if v is not None)]
    xs = [x for curve in shown for x in curve.x]
    names = [short(curve.name) for curve in shown]
    right = width - _room([*names, *lines])
    bottom = max(height, _GAP * (len(names) + len(lines)) + 70) - 44
    x = linear(min(xs, default=0), max(xs, default=1), 64, right, whole=True)
    low, high = _padded([*spread_of, *lines.values()], bounds)
    y = linear(low, high, bottom, 14)
    parts = [_frame(x, y, x_label, y_label)]
    if ceiling and ceiling.get("low") is not None:
        top, under = y(min(high, ceiling["high"])), y(max(low, ceiling["low"]))
        parts.append(_el("rect", x=x.start, y=top, width=right - x.start, height=under - top, fill=SOFT, fill_opacity=0.1))
    for name, value in lines.items():
        dash = "2 4" if name == "target" else "8 5"
        parts.append(
            _el("line", x1=x.start, x2=right, y1=y(value), y2=y(value), stroke=SOFT, stroke_width=1.2, stroke_dasharray=dash)
        )
    parts += [_band(curve, x, y, 0.13 if len(shown) <= 5 else 0.08) for curve in shown]
    ends = [_end(curve, x, y) for curve in shown]
    wanted = [end[1] for end in ends] + [y(value) for value in lines.values()]
    placed = spread(wanted, _GAP, 16, bottom)
    for i, (curve, name, (x_end, y_end), at) in enumerate(zip(shown, names, ends, placed, strict=False)):
        label = _label(name, curve, x_end, y_end, right, at)
        parts.append(_el("g", _el("title", _in_words(curve)), *_line(curve, x, y, i, len(shown)), label, class_="series"))
    for name, value, at in zip(lines, lines.values(), placed[len(shown) :], strict=True):
        parts.append(_lead(right, y(value), right + 14, at))
        parts.append(_text(name, right + 18, at + 4, fill=SOFT, font_style="italic"))
    said = [_in_words(curve) for curve in shown] + [f"{name} at {value:.3f}" for name, value in lines.items()]
    return _svg(width, bottom + 44, title, "; ".join(said) or "Nothing yet.", parts)


def batch_size_chart(
    curves: Sequence[Curve], *, title: str, y_label: str, log: bool = False, width: int = 640, height: int = 320
) -> SafeString:
    """A point with its interval per strategy and batch size (x), joined per strategy; batch sizes on a logarithmic scale."""
    shown = [curve for curve in curves if any(value is not None for value in curve.mean)]
    sizes = sorted({size for curve in shown for size in curve.x}) or [1]
    names = [short(curve.name) for curve in shown]
    right = width - _room(names)
    bottom = max(height, _GAP * len(names) + 70) - 44
    values = [v for curve in shown for part in (curve.low, curve.mean, curve.high) for v in part if v is not None]
    x = _sizes_axis(sizes, 64, right)
    y = logarithmic(min(values), max(values), bottom, 14) if log and values and min(values) > 0 else None
    if y is None:
        y = linear(*_padded(values, (0.0, None)), bottom, 14)
    parts = [_frame(x, y, "Batch size", y_label)]
    ends = [_end(curve, x, y) for curve in shown]
    placed = spread([end[1] for end in ends], _GAP, 16, bottom)
    for i, curve in enumerate(shown):
        style = style_of(curve.place)
        # Side by side, so that intervals of equal points can be told apart.
        dodge = (i - (len(shown) - 1) / 2) * min(5.0, 30 / max(1, len(shown)))
        there = [
            (x(size) + dodge, mean, low, high)
            for size, mean, low, high in zip(curve.x, curve.mean, curve.low, curve.high, strict=True)
            if mean is not None
        ]
        marks = [_el("path", d=_polyline([(at, y(mean)) for at, mean, *_ in there]), fill="none", **_stroke(style))]
        for at, mean, low, high in there:
            if low is not None and high is not None:
                marks.append(
                    _el(
                        "line", x1=at, x2=at, y1=y(max(low, y.low)), y2=y(min(high, y.high)), stroke=style.color, stroke_width=1.4
                    )
                )
            marks.append(_marker(style, at, y(mean)))
        marks.append(_label(names[i], curve, *ends[i], right, placed[i]))
        parts.append(_el("g", _el("title", _in_words(curve)), *marks, class_="series"))
    return _svg(width, bottom + 44, title, "; ".join(map(_in_words, shown)) or "Nothing yet.", parts)


def forest(rows: Sequence[Difference], *, title: str, baseline: str, width: int = 640) -> SafeString:
    """Differences to the baseline with their intervals about the line of no difference; a full mark where one was found."""
    names = [short(row.name) for row in rows]
    left, right = _room(names), width - max([len(row.text) for row in rows], default=0) * _CHAR - 14
    values = [0.0, *(v for row in rows for v in (row.low, row.mean, row.high) if v is not None)]
    # Zero in the middle third at least, so that a reader sees at once on which side the others lie.
    reach = max(map(abs, values)) or 0.01
    bottom = 26 * len(rows) + 14
    x = linear(min(*values, -reach / 3), max(*values, reach / 3), left, right, most=max(2, int((right - left) / 50)), signed=True)
    parts = [_ticks_below(x, bottom)]
    parts.append(_el("line", x1=x(0), x2=x(0), y1=6, y2=bottom, stroke=SOFT, stroke_width=1.2, stroke_dasharray="4 3"))
    for i, (row, name) in enumerate(zip(rows, names, strict=True)):
        at, style = 22 + 26 * i, style_of(row.place)
        mark = {"fill": style.color} if row.found else {"fill": CARD}
        whisker = ""
        if row.low is not None and row.high is not None:
            whisker = _el("line", x1=x(row.low), x2=x(row.high), y1=at, y2=at, stroke=style.color, stroke_width=2)
        parts.append(
            _el(
                "g",
                _el("title", f"{row.name}: {row.text}"),
                _text(name, left - 12, at + 4, text_anchor="end"),
                whisker,
                _el("path", d=style.marker, transform=_move(x(row.mean), at), stroke=style.color, stroke_width=1.6, **mark),
                _text(row.text, right + 12, at + 4, class_="num"),
                class_="series",
            )
        )
    parts.append(_text("worse", x(0) - 8, bottom + 36, fill=SOFT, text_anchor="end", font_size=11))
    parts.append(_text("better", x(0) + 8, bottom + 36, fill=SOFT, font_size=11))
    said = "; ".join(f"{row.name} {row.text}" for row in rows)
    return _svg(width, bottom + 44, title, f"Differences to {baseline}: {said}", parts)


def critical_difference(
    names: Sequence[str],
    ranks: Sequence[float],
    difference: float,
    groups: Sequence[Sequence[str]],
    *,
    title: str,
    width: int = 640,
) -> SafeString:
    """Mean ranks on a line, best at the left; bars join what is not told apart (Demsar 2006, figure 1). names: best first."""
    k = len(names)
    rank = dict(zip(names, ranks, strict=True))
    shown = [short(name) for name in names]
    side = max([len(name) for name in shown], default=0) * _CHAR + 52
    x = Axis(1, max(2, k), side, width - side, [(r, str(r)) for r in range(1, max(2, k) + 1)])
    axis_y = 62
    first_row = axis_y + 16 + 9 * len(groups) + 10
    half = math.ceil(k / 2)
    bottom = first_row + 20 * max(0, half - 1) + 12
    parts = [_el("line", x1=x.start, x2=x.end, y1=axis_y, y2=axis_y, stroke=INK, stroke_width=1.2)]
    for value, text in x.ticks:
        parts.append(_el("line", x1=x(value), x2=x(value), y1=axis_y - 5, y2=axis_y, stroke=INK))
        parts.append(_text(text, x(value), axis_y - 10, text_anchor="middle", fill=SOFT))
    reach = min(x(1 + difference), x.end)
    parts.append(_text(f"critical difference {difference:.2f}", x.start, 12, fill=SOFT))
    parts.append(
        _el("path", d=f"M{x.start:.1f} 18v8M{x.start:.1f} 22H{reach:.1f}M{reach:.1f} 18v8", stroke=INK, stroke_width=1.4)
    )
    for i, (name, text) in enumerate(zip(names, shown, strict=True)):
        on_left = i < half
        row = i if on_left else k - 1 - i
        at, end = first_row + 20 * row, (side - 14 if on_left else width - side + 14)
        label = f"{text} {rank[name]:.2f}" if on_left else f"{rank[name]:.2f} {text}"
        parts.append(_el("path", d=f"M{x(rank[name]):.1f} {axis_y}V{at:.1f}H{end:.1f}", fill="none", stroke=SOFT))
        anchor = {"text_anchor": "end"} if on_left else {}
        parts.append(_el("g", _el("title", name), _text(label, end + (-6 if on_left else 6), at + 4, **anchor)))
    for i, group in enumerate(groups):
        places = [rank[name] for name in group]
        at = axis_y + 12 + 9 * i
        start, end = x(min(places)) - 5, x(max(places)) + 5
        parts.append(_el("line", x1=start, x2=end, y1=at, y2=at, stroke=INK, stroke_width=4, stroke_linecap="round"))
    said = ", ".join(f"{name} {rank[name]:.2f}" for name in names)
    joined = "; ".join(" = ".join(group) for group in groups) or "all are told apart"
    return _svg(
        width, bottom, title, f"Mean ranks: {said}. Critical difference {difference:.2f}. Not told apart: {joined}.", parts
    )


def penalty_matrix(names: Sequence[str], matrix: Sequence[Sequence[Number]], *, title: str) -> SafeString:
    """Rows beat columns: the share of label counts at which they do; below, each column's mean (Ash et al. 2020, figure 3)."""
    k, cell = len(names), 46
    shown = [short(name) for name in names]
    left, top = _room(shown), max([len(name) for name in shown], default=0) * _CHAR * 0.72 + 26
    mean = [_mean([row[j] for i, row in enumerate(matrix) if i != j]) for j in range(k)]
    parts = []
    for j, name in enumerate(shown):
        turn = f"translate({left + cell * j + cell / 2:.1f} {top - 10:.1f}) rotate(-45)"
        parts.append(_el("text", name, transform=turn, fill=INK, font_size=FONT))
    for i, (name, row) in enumerate([*zip(shown, matrix, strict=True), ("mean", mean)]):
        last = i == k
        at = top + cell * i + (8 if last else 0)
        parts.append(_text(name, left - 10, at + cell / 2 + 4, text_anchor="end", **({"font_weight": 600} if last else {})))
        for j, value in enumerate(row):
            said = f"mean of {names[j]}" if last else f"{names[i]} beats {names[j]}"
            parts.append(_share_cell(None if i == j else value, left + cell * j, at, cell, said))
    said = "; ".join(f"{name} is beaten at {value:.0%}" for name, value in zip(names, mean, strict=True) if value is not None)
    width = left + cell * k + max([len(name) for name in shown[-2:]], default=0) * _CHAR * 0.72 + 4
    return _svg(round(width), round(top + cell * (k + 1) + 12), title, f"On average over the others: {said or 'nothing'}.", parts)


def swatch(place: int) -> SafeString:
    """The colour, dash and marker of a strategy, beside its name in tables and legends."""
    style = style_of(place)
    line = _el("line", x1=1, x2=33, y1=7, y2=7, **_stroke(style))
    return _el(
        "svg", line, _marker(style, 17, 7), class_="swatch-line", viewBox="0 0 34 14", width=34, height=14, aria_hidden="true"
    )


# --- Scales


def linear(
    low: float, high: float, start: float, end: float, *, most: int = 6, whole: bool = False, signed: bool = False
) -> Axis:
    """At most about `most` round ticks, all inside; `whole`: no ticks between two whole numbers."""
    if high <= low:
        low, high = low - (abs(low) * 0.05 or 0.5), high + (abs(high) * 0.05 or 0.5)
    step = nice_step(high - low, most)
    if whole:
        step = max(1.0, step)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9)) + (
        1 if step / 10 ** math.floor(math.log10(step) + 1e-9) == 2.5 else 0
    )
    values = [i * step for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    sign = "+" if signed else ""
    return Axis(low, high, start, end, [(v, "0" if v == 0 else f"{v:{sign},.{decimals}f}".replace("-", "−")) for v in values])


def nice_step(width: float, most: int) -> float:
    """1, 2, 2.5 or 5 times a power of ten: the smallest of them that fits at most `most` times."""
    raw = width / most
    power = 10.0 ** math.floor(math.log10(raw))
    return next(power * step for step in (1, 2, 2.5, 5, 10) if power * step >= raw * (1 - 1e-9))


def logarithmic(low: float, high: float, start: float, end: float) -> Axis:
    """Ticks at 1, 2 and 5 times powers of ten; at powers of ten alone over more than three decades."""
    low, high = low / 1.15, high * 1.15
    steps = (1, 2, 5) if high / low < 1000 else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps]
    ticks = [tick for tick in ticks if low <= tick <= high] or [math.sqrt(low * high)]
    return Axis(low, high, start, end, [(tick, f"{tick:,.3g}" if tick < 1000 else f"{tick:,.0f}") for tick in ticks], log=True)


def _sizes_axis(sizes: Sequence[float], start: float, end: float) -> Axis:
    """The batch sizes themselves are the ticks, as far as they have room."""
    low, high = sizes[0] / 1.25, sizes[-1] * 1.25
    bare = Axis(low, high, start, end, (), log=True)
    ticks: list[tuple[float, str]] = []
    for size in sizes:
        if not ticks or bare(size) - bare(ticks[-1][0]) > len(f"{size:,}") * _CHAR + 6:
            ticks.append((size, f"{size:,}"))
    return Axis(low, high, start, end, ticks, log=True)


def _padded(values: Sequence[float], bounds: tuple[Number, Number]) -> tuple[float, float]:
    """The range with some air, within the bounds that the metric has."""
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    air = (high - low) * 0.06 or abs(high) * 0.05 or 0.05
    # An interval may pass a bound that a score cannot: the axis ends there, unless a score lies beyond it.
    low = low - air if bounds[0] is None or low < bounds[0] - 1 else max(low - air, bounds[0])
    high = high + air if bounds[1] is None else min(high + air, bounds[1])
    return (low, high) if high > low else (low - 0.05, low + 0.05)


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places at least `gap` apart between low and high, in the order of `wanted` and as near to it as can be (least squares).

    Where they do not fit they are set evenly from low to high.
    """
    n = len(wanted)
    if n == 0:
        return []
    if (n - 1) * gap > high - low:
        gap = (high - low) / (n - 1)
    order = np.argsort(wanted, kind="stable")
    steps = np.arange(n) * gap
    free = isotonic_regression(np.asarray(wanted, dtype=float)[order] - steps).x
    placed = np.empty(n)
    placed[order] = np.clip(free, low, high - (n - 1) * gap) + steps
    return placed.tolist()


def short(name: str) -> str:
    """A name that fits beside a chart; the whole of it stands in the table and in the title."""
    return name if len(name) <= _MOST_NAME else f"{name[: _MOST_NAME - 1]}…"


# --- Pieces


def _svg(width: float, height: float, title: str, desc: str, parts: Iterable[str]) -> SafeString:
    return _el(
        "svg",
        _el("title", title),
        _el("desc", desc),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        class_="chart-svg",
        role="img",
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        font_family="system-ui, 'DejaVu Sans', sans-serif",
        font_size=FONT,
    )


def _el(tag: str, *children: str, **attributes: object) -> SafeString:
    """One element: `class_` is class, `stroke_width` stroke-width; children that are not safe are escaped."""
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(_number(value))}"' for name, value in attributes.items() if value != ""
    )
    inner = "".join(conditional_escape(child) for child in children)
    return mark_safe(f"<{tag}{written}>{inner}</{tag}>" if inner else f"<{tag}{written}/>")  # noqa: S308 - escaped above


def _number(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _text(text: str, x: float, y: float, **attributes: object) -> SafeString:
    return _el("text", text, **({"x": float(x), "y": float(y), "fill": INK} | attributes))


def _move(x: float, y: float) -> str:
    return f"translate({x:.1f} {y:.1f})"


def _stroke(style: Style) -> dict:
    return {"stroke": style.color, "stroke_width": 2, "stroke_dasharray": style.dash, "stroke_linejoin": "round"}


def _marker(style: Style, x: float, y: float) -> SafeString:
    return _el("path", d=style.marker, transform=_move(x, y), fill=style.color, stroke=CARD, stroke_width=1)


def _room(names: Sequence[str]) -> float:
    """For names, with a marker or a leading line before them."""
    return max([len(name) for name in names], default=0) * _CHAR + 40


def _frame(x: Axis, y: Axis, x_label: str, y_label: str) -> SafeString:
    parts = []
    for value, text in y.ticks:
        parts.append(_el("line", x1=x.start, x2=x.end, y1=y(value), y2=y(value), stroke=LINE))
        parts.append(_text(text, x.start - 8, y(value) + 4, fill=SOFT, text_anchor="end"))
    middle = (y.start + y.end) / 2
    parts.append(_ticks_below(x, y.start))
    parts.append(_text(x_label, (x.start + x.end) / 2, y.start + 38, fill=SOFT, text_anchor="middle"))
    parts.append(_el("text", y_label, transform=f"translate(12 {middle:.1f}) rotate(-90)", fill=SOFT, text_anchor="middle"))
    return _el("g", *parts)


def _ticks_below(x: Axis, bottom: float) -> SafeString:
    parts = [_el("line", x1=x.start, x2=x.end, y1=float(bottom), y2=float(bottom), stroke=SOFT)]
    for value, text in x.ticks:
        parts.append(_el("line", x1=x(value), x2=x(value), y1=float(bottom), y2=bottom + 5.0, stroke=SOFT))
        parts.append(_text(text, x(value), bottom + 19, fill=SOFT, text_anchor="middle"))
    return _el("g", *parts)


def _polyline(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _known(curve: Curve, values: Sequence[Number]) -> list[tuple[float, float]]:
    return [(x, v) for x, v in zip(curve.x, values, strict=True) if v is not None]


def _in_sight(curves: Sequence[Curve]) -> list[float]:
    """What the axis must reach: every mean, and the bands as far as they do not press the means together."""
    means = [v for curve in curves for v in curve.mean if v is not None]
    if not means:
        return []
    air = (max(means) - min(means)) / 4 or math.inf
    bands = [v for curve in curves for part in (curve.low, curve.high) for v in part if v is not None]
    return [*means, *(min(max(v, min(means) - air), max(means) + air) for v in bands)]


def _band(curve: Curve, x: Axis, y: Axis, opacity: float) -> SafeString | str:
    clamp = lambda v: y(min(max(v, y.low), y.high))  # noqa: E731
    above = [(x(at), clamp(v)) for at, v in _known(curve, curve.high)]
    below = [(x(at), clamp(v)) for at, v in _known(curve, curve.low)]
    if not above or not below:
        return ""
    color = style_of(curve.place).color
    return _el("path", d=_polyline(above + below[::-1]) + "Z", fill=color, fill_opacity=opacity, class_="band")


def _line(curve: Curve, x: Axis, y: Axis, i: int, n: int) -> list[SafeString]:
    """The mean with about eight markers, at other places than those of the neighbours."""
    style, points = style_of(curve.place), [(x(at), y(v)) for at, v in _known(curve, curve.mean)]
    every = max(1, round(len(points) / 8))
    marked = points if len(points) <= 2 else points[(i * every // max(1, n)) % every :: every]
    line = _el("path", d=_polyline(points), fill="none", **_stroke(style))
    return [line, *(_marker(style, *point) for point in marked)]


def _end(curve: Curve, x: Axis, y: Axis) -> tuple[float, float]:
    at, value = _known(curve, curve.mean)[-1]
    return x(at), y(value)


def _label(name: str, curve: Curve, x_end: float, y_end: float, right: float, at: float) -> SafeString:
    style = style_of(curve.place)
    marker = _el("path", d=style.marker, transform=_move(right + 22, at), fill=style.color)
    title = _el("title", curve.name)
    return _el("g", title, _lead(max(x_end, 0), y_end, right + 14, at), marker, _text(name, right + 31, at + 4), class_="name")


def _lead(x: float, y: float, to_x: float, to_y: float) -> SafeString:
    """From a line's end to its name."""
    return _el("path", d=f"M{x + 4:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}", fill="none", stroke=SOFT, stroke_width=0.7, opacity=0.6)


def _share_cell(value: Number, x: float, y: float, size: float, said: str) -> SafeString | str:
    if value is None:
        return _text("–", x + size / 2, y + size / 2 + 4, fill=SOFT, text_anchor="middle")
    # So pale that the ink can be read on the deepest of them, by day and by night.
    color = "var(--series-1, #0072b2)"
    box = {"width": size - 2.0, "height": size - 2.0, "rx": 4, "stroke": LINE}
    return _el(
        "g",
        _el("title", f"{said}: {value:.0%}"),
        _el("rect", x=x + 1, y=y + 1, fill=color, fill_opacity=0.65 * value, **box),
        _text(f"{value:.2f}", x + size / 2, y + size / 2 + 4, text_anchor="middle"),
    )


def _mean(values: Sequence[Number]) -> Number:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _in_words(curve: Curve) -> str:
    points = _known(curve, curve.mean)
    if not points:
        return f"{curve.name}: nothing yet"
    (first, start), (last, end) = points[0], points[-1]
    if len(points) == 1:
        return f"{curve.name}: {start:.3f} at {first:,.0f}"
    return f"{curve.name}: {start:.3f} at {first:,.0f}, {end:.3f} at {last:,.0f}"
