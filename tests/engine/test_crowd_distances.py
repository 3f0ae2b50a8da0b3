import numpy as np
import pytest
from scipy import sparse

from learning.engine import EngineError
from learning.engine.crowd import (
    Spans,
    alpha_of_sets,
    distance_alpha,
    distinct_sets,
    jaccard_distances,
    krippendorff_alpha,
    masi_distances,
    span_alpha,
    span_f1,
)
from tests.engine.test_crowd_agreement import MISSING, THREE, random_answers


@pytest.mark.parametrize(
    ("example", "published"),
    [(MISSING, 0.849), (THREE, 0.811)],  # the interval form: Krippendorff (2011); the encyclopedia again
)
def test_interval_alpha_of_published_examples(example, published):
    codes = np.arange(6)
    found = distance_alpha(example[0], example[2], (codes[:, None] - codes) ** 2)
    assert found.value == pytest.approx(published, abs=0.0005) and found.low < found.value < found.high


def test_distance_one_is_the_nominal_form_with_the_same_interval():
    items, _, values = random_answers(4)
    nominal = krippendorff_alpha(items, values, n_classes=4, draws=300)
    found = distance_alpha(items, values, 1 - np.eye(4), draws=300)
    assert (found.value, found.low, found.high) == pytest.approx((nominal.value, nominal.low, nominal.high), abs=0.02)
    assert found.value == pytest.approx(nominal.value, abs=1e-12)


# Labels a, b, c, d: {a, b}, {a, b, c, d}, {b, c}, {d}, {}.
SETS = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]], dtype=bool)


def test_distances_between_sets_by_hand():
    jaccard, masi = jaccard_distances(SETS), masi_distances(SETS)
    assert np.diagonal(jaccard).tolist() == np.diagonal(masi).tolist() == [0] * 5
    assert jaccard[0, 1] == pytest.approx(1 - 2 / 4) and masi[0, 1] == pytest.approx(1 - 2 / 4 * 2 / 3)  # one holds the other
    assert jaccard[0, 2] == pytest.approx(1 - 1 / 3) and masi[0, 2] == pytest.approx(1 - 1 / 3 * 1 / 3)  # they overlap
    assert jaccard[0, 3] == masi[0, 3] == 1 and (masi[4, :4] == 1).all()  # nothing in common
    assert np.array_equal(masi, masi.T)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_sets_are_counted_once(form):
    values, sets = distinct_sets(form(SETS[[4, 0, 2, 0, 4]]))
    assert len(sets) == 3 and np.array_equal(sets[values], SETS[[4, 0, 2, 0, 4]])


def test_alpha_of_sets_by_hand():
    # Item 0: {a, b} twice; item 1: {a, b} and {a, b, c, d}. Three answers {a, b}, one of the other, 2/3 apart.
    members = SETS[[0, 0, 0, 1]]
    items = np.array([0, 0, 1, 1])
    apart = 1 - 2 / 4 * 2 / 3
    observed, expected = 2 * apart / 4, 2 * 3 * 1 * apart / (4 * 3)
    assert alpha_of_sets(items, members).value == pytest.approx(1 - observed / expected)
    # Partly alike answers agree more than unlike ones do, and less than equal ones.
    items = np.array([0, 0, 1, 1, 2, 2])
    alphas = [alpha_of_sets(items, SETS[[0, other, 2, 2, 3, 3]]).value for other in (3, 1, 0)]
    assert alphas == sorted(alphas) and len(set(alphas)) == 3
    assert alpha_of_sets(items, SETS[[0, 1, 2, 2, 3, 3]], distance="nominal").value < alphas[1]


def test_what_is_no_distance_is_refused():
    with pytest.raises(EngineError, match="symmetric"):
        distance_alpha(np.array([0, 0]), np.array([0, 1]), np.array([[0, 1], [2, 0]]))
    with pytest.raises(EngineError, match="known are: masi, jaccard, nominal"):
        alpha_of_sets(np.array([0, 0]), SETS[:2], distance="cosine")


def spans_of(lengths: list[int], answers: dict[tuple[int, int], list[tuple[int, int, int]]], n_labels: int = 3) -> Spans:
    """answers: (item, person) -> its spans (start, end, label)."""
    rows = [(item, person, *span) for (item, person), spans in answers.items() for span in spans]
    columns = np.array(rows, dtype=int).reshape(-1, 5).T
    items, people = np.array(list(answers)).reshape(-1, 2).T
    return Spans.of(*columns, answered_items=items, answered_by=people, lengths=np.array(lengths), n_labels=n_labels)


def random_spans(seed: int) -> tuple[list[int], dict]:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, 30, size=12).tolist()
    answers = {}
    for item, length in enumerate(lengths):
        for person in rng.permutation(4)[: rng.integers(0, 4)]:
            borders = rng.integers(0, length + 1, size=(rng.integers(0, 4), 2)) if length else np.empty((0, 2), dtype=int)
            spans = [(min(b), max(b), int(rng.integers(3))) for b in borders.tolist() if b[0] != b[1]]
            answers[item, int(person)] = spans
    return lengths, answers


@pytest.mark.parametrize("distance", ["nominal", "masi"])
@pytest.mark.parametrize("seed", range(5))
def test_spans_agree_as_their_characters_do(seed, distance):
    lengths, answers = random_spans(seed)
    units, members = [], []
    begin = np.cumsum([0, *lengths])
    for (item, _), spans in answers.items():
        for position in range(lengths[item]):
            units.append(begin[item] + position)
            members.append([any(s <= position < e and c == label for s, e, c in spans) for label in range(3)])
    expected = alpha_of_sets(np.array(units), np.array(members), distance=distance, draws=0).value
    assert span_alpha(spans_of(lengths, answers), distance=distance, draws=0).value == pytest.approx(expected, abs=1e-12)


def test_the_interval_of_spans_is_about_texts():
    lengths, answers = random_spans(7)
    found = span_alpha(spans_of(lengths, answers), draws=300)
    tenfold = {(item + 12 * r, person): spans for r in range(10) for (item, person), spans in answers.items()}
    more = span_alpha(spans_of(lengths * 10, tenfold), draws=300)
    assert more.value == pytest.approx(found.value, abs=0.01) and more.n_items == 10 * found.n_items <= 120
    assert found.high - found.low > 2 * (more.high - more.low) > 0


def test_twice_the_text_is_not_twice_the_evidence():
    lengths, answers = random_spans(7)
    doubled = {
        (item, person): spans + [(start + lengths[item], end + lengths[item], label) for start, end, label in spans]
        for (item, person), spans in answers.items()
    }
    once = span_alpha(spans_of(lengths, answers), draws=300)
    twice = span_alpha(spans_of([2 * length for length in lengths], doubled), draws=300)
    assert twice.high - twice.low == pytest.approx(once.high - once.low, rel=0.15)


def test_equal_spans_are_matches():
    one, other = [(0, 3, 0), (5, 8, 1), (5, 8, 1)], [(0, 3, 0), (5, 8, 2)]  # a span given twice counts once
    found = span_f1(spans_of([10, 10], {(0, 0): one, (0, 1): other, (1, 0): [(0, 1, 0)]}))
    assert found.value == pytest.approx(2 * 1 / (2 + 2)) and (found.n_items, found.n_answers) == (1, 2)
    three = span_f1(spans_of([10], {(0, 0): one, (0, 1): other, (0, 2): other}))
    assert three.value == pytest.approx((2 * 1 + 2 * 1 + 2 * 2) / (4 + 4 + 4))
    assert span_f1(spans_of([10], {(0, 0): [], (0, 1): []})).value is None


def test_marking_nothing_is_an_answer():
    agreed = spans_of([10, 10], {(0, 0): [(0, 5, 0)], (0, 1): [(0, 5, 0)], (1, 0): [], (1, 1): []})
    assert span_alpha(agreed).value == 1
    overlooked = spans_of([10], {(0, 0): [(0, 5, 0)], (0, 1): []})
    assert span_alpha(overlooked).value < 0 and span_f1(overlooked).value == 0


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({(0, 0): [(3, 3, 0)]}, "must hold a character"),
        ({(0, 0): [(3, 11, 0)]}, "end within its text"),
        ({(0, 0): [(3, 4, 3)]}, "labels must be at least 0 and less than 3"),
    ],
)
def test_spans_outside_of_their_text_are_refused(answers, message):
    with pytest.raises(EngineError, match=message):
        spans_of([10], answers)


def test_a_span_needs_its_answer():
    nobody = np.array([0])
    with pytest.raises(EngineError, match="nobody's answer"):
        Spans.of(
            nobody, np.array([1]), nobody, np.array([1]), nobody,
            answered_items=nobody, answered_by=nobody, lengths=np.array([9]), n_labels=1,
        )  # fmt: skip
