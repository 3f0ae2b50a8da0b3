import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from learning.engine import EngineError
from learning.engine.crowd import (
    agreement_by_label,
    alpha_over_time,
    answer_matrix,
    cohen_kappa,
    confusion_between,
    fleiss_kappa,
    krippendorff_alpha,
    latest,
    pairwise_agreement,
    percent_agreement,
)


def answers_of(*people: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """items, annotators, values of one line of digits per person, a dot where there is no answer."""
    rows = [(i, a, int(c)) for a, line in enumerate(people) for i, c in enumerate(line.replace(" ", "")) if c != "."]
    return tuple(np.array(rows).T)


# Krippendorff (2011), Computing Krippendorff's alpha-reliability, sections A, B (letters as digits) and C.
BINARY = answers_of("0100000010", "1110010000")
NOMINAL = answers_of("001132224330", "101112224333")
MISSING = answers_of("123321412...", "1233224125.3", ".3332342251.", "12332441251.")
# The example of the encyclopedia's page on alpha: 0.691 nominal, 0.811 interval.
THREE = answers_of(".....34121133.3", "1.213343.......", "..21344.21133.4")


def alpha(example, n_classes: int = 6, **settings) -> float | None:
    return krippendorff_alpha(example[0], example[2], n_classes=n_classes, draws=0, **settings).value


@pytest.mark.parametrize(("example", "published"), [(BINARY, 0.095), (NOMINAL, 0.692), (MISSING, 0.743), (THREE, 0.691)])
def test_alpha_of_published_examples(example, published):
    assert alpha(example) == pytest.approx(published, abs=0.0005)


def test_alpha_equals_the_reference_package():
    reference = pytest.importorskip("krippendorff")
    rng = np.random.default_rng(0)
    items, annotators, values = (rng.integers(high, size=400) for high in (120, 7, 4))
    rows = latest(items, annotators)
    table = answer_matrix(items, annotators, values, n_items=120, n_annotators=7).toarray().T.astype(float)
    expected = reference.alpha(np.where(table == 0, np.nan, table), level_of_measurement="nominal")
    assert krippendorff_alpha(items[rows], values[rows], n_classes=4, draws=0).value == pytest.approx(expected, abs=1e-12)


def test_alpha_counts_only_the_items_with_two_answers():
    items, _, values = MISSING
    found = krippendorff_alpha(items, values, n_classes=6)
    assert (found.n_items, found.n_answers) == (11, 40)  # unit 12 has one answer
    assert found.low < 0.743 < found.high


def test_few_items_on_which_all_agree_are_not_sure_of_it():
    """20 items, two people right in 98 %: the plain bootstrap's 95 % interval held the truth in 53 of 100 cases."""
    agree, alpha_true = 0.98**2 + 0.02**2, 1 - (2 * 0.98 * 0.02) / 0.5
    held = np.zeros(3)
    for seed in range(100):
        rng = np.random.default_rng(seed)
        truth = np.repeat(rng.integers(2, size=20), 2)
        values = np.where(rng.random(40) < 0.98, truth, 1 - truth)
        table = np.zeros((2, 2), dtype=int)
        np.add.at(table, (values[::2], values[1::2]), 1)
        items = np.repeat(np.arange(20), 2)
        found = [
            percent_agreement(items, values, n_classes=2),
            krippendorff_alpha(items, values, n_classes=2),
            cohen_kappa(table),
        ]
        held += [e.low <= t <= e.high and e.low < e.high for e, t in zip(found, [agree, alpha_true, alpha_true], strict=True)]
    assert held.min() >= 93, held


def test_agreement_is_undefined_where_nothing_can_differ():
    same = krippendorff_alpha(np.array([0, 0, 1, 1]), np.array([2, 2, 2, 2]), n_classes=3)
    assert (same.value, same.low, same.high) == (None, None, None)
    alone = krippendorff_alpha(np.array([0, 1, 2]), np.array([0, 1, 2]), n_classes=3)
    assert alone.value is None and alone.n_items == 0
    nobody = np.empty(0, dtype=int)
    assert percent_agreement(nobody, nobody, n_classes=2).value is None
    assert percent_agreement(np.array([0, 0]), np.array([2, 2]), n_classes=3).value == 1


def test_a_wrong_code_is_named():
    with pytest.raises(EngineError, match="values must be at least 0 and less than 2; found 0 to 2"):
        krippendorff_alpha(np.array([0, 0]), np.array([0, 2]), n_classes=2)
    with pytest.raises(EngineError, match="2 answers but 1 values"):
        krippendorff_alpha(np.array([0, 0]), np.array([0]), n_classes=2)


# Fleiss' kappa of ten subjects with fourteen ratings each, as in the encyclopedia's worked example: P 0.378, kappa 0.210.
FOURTEEN = np.array(
    [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
)


def test_fleiss_kappa_of_a_published_example():
    subject, category = np.divmod(np.repeat(np.arange(50), FOURTEEN.ravel()), 5)
    assert fleiss_kappa(subject, category, n_classes=5).value == pytest.approx(0.210, abs=0.0005)
    assert percent_agreement(subject, category, n_classes=5).value == pytest.approx(0.378, abs=0.0005)


def test_fleiss_kappa_wants_as_many_answers_everywhere():
    items, _, values = MISSING
    with pytest.raises(EngineError, match="here it is 1 to 4. Krippendorff's alpha takes any number"):
        fleiss_kappa(items, values, n_classes=6)
    found = fleiss_kappa(items, values, n_classes=6, per_item=4)
    whole = np.isin(items, np.flatnonzero(np.bincount(items) == 4))
    assert found == fleiss_kappa(items[whole], values[whole], n_classes=6) and found.n_items == 8


def random_answers(seed: int, n_items=60, n_annotators=6, n_classes=4, m=250):
    rng = np.random.default_rng(seed)
    truth = rng.integers(n_classes, size=n_items)
    items, annotators = rng.integers(n_items, size=m), rng.integers(n_annotators, size=m)
    values = np.where(rng.random(m) < 0.6, truth[items], rng.integers(n_classes, size=m))
    return items, annotators, values


@pytest.mark.filterwarnings("ignore")
def test_pairs_equal_scikit_learn():
    items, annotators, values = random_answers(1)
    found = pairwise_agreement(items, annotators, values, n_classes=4)
    table = answer_matrix(items, annotators, values, n_items=60, n_annotators=6).toarray() - 1
    assert len(found.first) == 15
    for first, second, n, percent, kappa in zip(*vars(found).values(), strict=True):
        both = (table[:, first] >= 0) & (table[:, second] >= 0)
        one, other = table[both, first], table[both, second]
        assert n == both.sum() and percent == pytest.approx((one == other).mean())
        assert kappa == pytest.approx(cohen_kappa_score(one, other, labels=range(4)))
        confusion = confusion_between(items, annotators, values, first, second, n_classes=4)
        assert all(confusion[c, d] == ((one == c) & (other == d)).sum() for c in range(4) for d in range(4))
        estimate = cohen_kappa(confusion, draws=100)
        assert estimate.value == pytest.approx(kappa) and estimate.low <= kappa <= estimate.high and estimate.n_items == n


def test_kappa_is_undefined_for_two_people_with_one_label():
    items, annotators = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    found = pairwise_agreement(items, annotators, np.ones(4, dtype=int), n_classes=2)
    assert np.isnan(found.kappa[0]) and found.percent[0] == 1
    assert cohen_kappa(np.array([[0, 0], [0, 2]])).value is None


def test_the_last_answer_of_a_person_counts():
    items, annotators, values = np.array([0, 0, 0, 1]), np.array([1, 0, 1, 1]), np.array([0, 1, 1, 0])
    assert latest(items, annotators).tolist() == [1, 2, 3]
    assert answer_matrix(items, annotators, values, n_items=3, n_annotators=2).toarray().tolist() == [[2, 2], [0, 1], [0, 0]]
    assert pairwise_agreement(items, annotators, values, n_classes=2).percent.tolist() == [1.0]


def test_a_label_is_measured_against_all_others():
    items, _, values = random_answers(2)
    found = agreement_by_label(items, values, n_classes=4, draws=200)
    for label in found:
        binary = krippendorff_alpha(items, (values == label.label).astype(int), n_classes=2, draws=0)
        assert label.alpha.value == pytest.approx(binary.value) and label.alpha.low < label.alpha.value < label.alpha.high
    # Two answers per item, by hand: of the four who said 0, two were joined by the other.
    pair = agreement_by_label(np.array([0, 0, 1, 1, 2, 2, 3, 3]), np.array([0, 0, 0, 1, 1, 0, 1, 1]), n_classes=3)
    assert pair[0].specific.value == pytest.approx(2 / 4) and pair[0].n_answers == 4
    assert pair[2].specific.value is None and pair[2].alpha.value is None


def test_windows_of_time_hold_the_items_that_were_finished_in_them():
    items = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    values = np.array([0, 0, 1, 1, 0, 1, 1, 0])
    times = np.array([1, 2, 9, 1, 12, 10, 10, 3])  # the last item is begun early and finished late, its rows the other way round
    early, late, never = alpha_over_time(items, values, times, np.array([0, 10, 20, 30]), n_classes=2)
    assert (early.value, early.n_items) == (1, 2)
    assert late.value == pytest.approx(krippendorff_alpha(items[4:], values[4:], n_classes=2).value) and late.n_items == 2
    assert never.value is None
    with pytest.raises(EngineError, match="must ascend"):
        alpha_over_time(items, values, times, np.array([0, 0]), n_classes=2)


@pytest.mark.parametrize("repeated", [1, 20])  # few items that are alike, and many: two ways to draw
def test_the_interval_is_that_of_drawing_items_one_by_one(repeated):
    items, _, values = random_answers(3, n_items=25, m=90)
    items = np.concatenate([items + 25 * r for r in range(repeated)])
    values = np.tile(values, repeated)
    found = krippendorff_alpha(items, values, n_classes=4, draws=3000, seed=1)
    answers = [values[items == i] for i in np.unique(items) if (items == i).sum() > 1]
    rng = np.random.default_rng(5)
    drawn = []
    for _ in range(300 if repeated > 1 else 1500):
        chosen = [answers[i] for i in rng.integers(len(answers), size=len(answers))]
        units = np.repeat(np.arange(len(chosen)), [len(a) for a in chosen])
        drawn.append(krippendorff_alpha(units, np.concatenate(chosen), n_classes=4, draws=0).value)
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.12 * (high - low))
    assert found == krippendorff_alpha(items, values, n_classes=4, draws=3000, seed=1)
    assert found.low != krippendorff_alpha(items, values, n_classes=4, draws=3000, seed=2).low


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=2, max_size=30), st.randoms(use_true_random=False))
def test_names_and_order_do_not_matter(rows, random):
    items, values = np.array(rows).T
    shuffled = list(range(len(rows)))
    random.shuffle(shuffled)
    item_names, value_names = random.sample(range(6), 6), random.sample(range(4), 4)
    others = np.array(item_names)[items][shuffled], np.array(value_names)[values][shuffled]
    for coefficient in (krippendorff_alpha, percent_agreement):
        one = coefficient(items, values, n_classes=4, draws=0).value
        other = coefficient(*others, n_classes=4, draws=0).value
        assert one is other is None or one == pytest.approx(other, abs=1e-12)
        assert one is None or -1 <= one <= 1 + 1e-12
