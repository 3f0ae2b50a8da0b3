"""The charts of an analysis: well-formed, told apart without colour, and no label on another."""

import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.analysis import charts
from learning.analysis.charts import Curve, Difference

SVG = "{http://www.w3.org/2000/svg}"
NAMES = ["random", "margin", "entropy", "least_confidence", "k_center", "badge", "typiclust", "max_herding", "bald", "quire"]


def curves(n: int = 10, end: float = 0.9) -> list[Curve]:
    """All of them end at nearly the same score, where their names would lie on each other."""
    x = list(range(20, 221, 20))
    found = []
    for i, name in enumerate(NAMES[:n]):
        mean = [end - 0.6 * math.exp(-at / (40 + i)) for at in x]
        found.append(Curve(name, i, x, mean, [v - 0.02 for v in mean], [v + 0.02 for v in mean]))
    return found


def read(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # noqa: S314 - our own text


def texts(root: ElementTree.Element) -> dict[str, tuple[float, float]]:
    return {t.text: (float(t.get("x")), float(t.get("y"))) for t in root.iter(f"{SVG}text") if t.get("x")}


def test_ten_names_at_one_height_do_not_lie_on_each_other():
    root = read(charts.curve_chart(curves(), title="Accuracy", y_label="Accuracy", ceiling={"mean": 0.9}, target=0.89))
    placed = texts(root)
    heights = sorted(placed[name][1] for name in [*NAMES, "all labels", "target"])
    assert all(b - a >= charts.FONT for a, b in pairwise(heights))
    _, _, width, height = map(float, root.get("viewBox").split())
    assert all(0 < y <= height and 0 <= x < width for x, y in placed.values())


def test_every_chart_says_what_it_shows_to_who_cannot_see_it():
    found = [
        charts.curve_chart(curves(3), title="T", y_label="Accuracy"),
        charts.batch_size_chart(curves(3), title="T", y_label="Area"),
        charts.forest([Difference("margin", 1, 0.02, 0.01, 0.03, True, "+0.020")], title="T", baseline="random"),
        charts.critical_difference(["margin", "random"], [1.2, 1.8], 0.5, [], title="T"),
        charts.penalty_matrix(["margin", "random"], [[0, 0.4], [0.1, 0]], title="T"),
    ]
    for svg in found:
        root = read(svg)
        assert root.get("role") == "img" and root.find(f"{SVG}title").text == "T"
        assert "margin" in root.find(f"{SVG}desc").text


def test_sixty_strategies_differ_by_colour_dash_or_marker():
    assert len({charts.style_of(place) for place in range(61)}) == 61


def test_neighbours_differ_without_their_colour():
    looks = [(charts.style_of(place).dash, charts.style_of(place).marker) for place in range(20)]
    assert all(a != b for a, b in pairwise(looks)) and len(set(looks)) == 20


def test_a_name_is_text_and_not_markup():
    curve = Curve('<script>alert("x")</script>', 1, [1, 2], [0.1, 0.2], [None, None], [None, None])
    svg = charts.curve_chart([curve], title="<b>", y_label="&")
    assert "<script>" not in svg and "<b>" not in svg
    read(svg)


@pytest.mark.parametrize(
    "given_curves",
    [
        [],
        [Curve("random", 0, [20], [0.5], [None], [None])],
        [Curve("random", 0, [20, 30], [None, None], [None, None], [None, None])],
        [Curve("random", 0, [20, 30, 40], [0.5, None, 0.5], [0.5, None, 0.5], [0.5, None, 0.5])],
    ],
    ids=["nothing", "one point", "no score", "a gap"],
)
def test_what_there_is_so_far_can_be_drawn(given_curves):
    for svg in (
        charts.curve_chart(given_curves, title="T", y_label="Accuracy"),
        charts.batch_size_chart(given_curves, title="T", y_label="Seconds", log=True),
    ):
        assert "nan" not in svg and "inf" not in svg
        read(svg)


def test_the_full_data_model_is_a_line_at_its_score():
    root = read(charts.curve_chart(curves(2), title="T", y_label="Accuracy", ceiling={"mean": 0.9, "low": 0.88, "high": 0.92}))
    ticks = {float(text): y - 4 for text, (_, y) in texts(root).items() if re.fullmatch(r"0\.\d+", text)}
    (low, y_low), *_, (high, y_high) = sorted(ticks.items())
    wanted = y_low + (0.9 - low) / (high - low) * (y_high - y_low)
    across = [float(line.get("y1")) for line in root.findall(f"{SVG}line") if line.get("stroke-dasharray") == "8 5"]
    assert across == [pytest.approx(wanted, abs=0.1)]


def test_only_a_difference_that_was_found_has_a_full_mark():
    rows = [Difference("margin", 1, 0.02, 0.01, 0.03, True, "a"), Difference("entropy", 2, 0.01, -0.01, 0.03, False, "b")]
    root = read(charts.forest(rows, title="T", baseline="random"))
    marks = [path.get("fill") for path in root.iter(f"{SVG}path")]
    assert marks == [charts.style_of(1).color, charts.CARD]


def test_the_penalty_matrix_ends_with_the_mean_of_each_column():
    """Ash et al. (2020): what a strategy loses to the others on average, without itself."""
    root = read(charts.penalty_matrix(["a", "b", "c"], [[0, 0.2, 0.6], [0.4, 0, 0.2], [0.0, 0.6, 0]], title="T"))
    shown = [t.text for t in root.iter(f"{SVG}text")]
    assert shown[-4:] == ["mean", "0.20", "0.40", "0.40"]


def test_ranks_of_demsar_are_where_they_should_be():
    """Demsar (2006), section 3.2.2: ranks 3.143, 2.000, 2.893 and 1.964 of 14 data sets, CD 1.25 at 5 %."""
    names, ranks = ["C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"], [1.964, 2.000, 2.893, 3.143]
    svg = charts.critical_difference(names, ranks, 1.25, [names[:3], names[1:]], title="T")
    root = read(svg)
    bars = [(float(b.get("x1")), float(b.get("x2"))) for b in root.iter(f"{SVG}line") if b.get("stroke-width") == "4"]
    axis = texts(root)
    one, four = axis["1"][0], axis["4"][0]
    at = [one + (rank - 1) / 3 * (four - one) for rank in ranks]
    assert bars == [pytest.approx((at[0] - 5, at[2] + 5), abs=0.1), pytest.approx((at[1] - 5, at[3] + 5), abs=0.1)]
    assert "critical difference 1.25" in axis


@given(
    wanted=st.lists(st.floats(0, 300), max_size=25),
    gap=st.floats(1, 20),
)
def test_labels_keep_their_distance_their_order_and_their_room(wanted, gap):
    placed = charts.spread(wanted, gap, 0.0, 300.0)
    assert len(placed) == len(wanted)
    fits = min(gap, 300.0 / max(1, len(wanted) - 1))
    ordered = sorted(placed)
    assert all(b - a >= fits - 1e-6 for a, b in pairwise(ordered))
    assert all(-1e-6 <= at <= 300 + 1e-6 for at in placed)
    by_wish = [at for _, at in sorted(zip(wanted, placed, strict=True))]
    assert by_wish == pytest.approx(ordered)


def test_labels_with_room_stay_where_they_are():
    assert charts.spread([10, 80, 40], 15, 0, 300) == [10, 80, 40]


@given(low=st.floats(-50, 50), width=st.floats(1e-3, 1e4))
def test_ticks_are_round_few_and_inside(low, width):
    axis = charts.linear(low, low + width, 0, 100)
    values = [value for value, _ in axis.ticks]
    assert 2 <= len(values) <= 8
    assert all(low - 1e-6 * width <= value <= low + width * (1 + 1e-6) for value in values)
    assert len({text for _, text in axis.ticks}) == len(values)
