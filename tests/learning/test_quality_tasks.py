"""How far people agree where answers can be alike in part: numbers by hand, and what is left out."""

import pytest

from annotation.models import Annotation, Gold
from projects.labels import add_label
from projects.models import Project
from tests.annotation.asking import items_of


@pytest.fixture(autouse=True)
def nothing_kept():
    from learning.quality.figures import _figures

    _figures.cache_clear()


def answered(project: Project, task: str, *answers: dict) -> None:
    """Each of `answers` is {person: value} of one item, the labels of the project being a and b."""
    Project.objects.filter(pk=project.pk).update(task=task)
    rows = [
        Annotation(project=project, item=item, user=user, value=value, seconds=3.0, token=f"{i}{user}")
        for i, (item, said) in enumerate(zip(items_of(project, len(answers)), answers, strict=True))
        for user, value in said.items()
    ]
    Annotation.objects.bulk_create(rows)


@pytest.fixture
def ids(project, manager) -> list[int]:
    project.labels.all().delete()
    return [add_label(project, name).pk for name in "ab"]


def test_sets_of_labels_agree_in_part(project, ids, annotator, colleague, manager, api, browse):
    a, b = ids
    answered(
        project, "multiple",
        {annotator: [a, b], colleague: [a]},
        {annotator: [b], colleague: [b]},
        {annotator: [], colleague: []},
        {annotator: [a]},
    )  # fmt: skip
    Gold.objects.create(project=project, item=project.items.order_by("pk").first(), value=[a])
    found = api(manager).get(f"/api/projects/{project.pk}/quality/").json()
    assert (found["answers"], found["several"]) == (7, 3)
    assert found["percent"]["value"] == pytest.approx(2 / 3)
    # MASI: {a b} to {a} and to {b} 1 - 1/2 x 2/3 = 2/3, {a} to {b} 1, and {} to the others 1.
    # Observed: 2/3 of one pair of three. Expected, of the ordered pairs of the 6 answers ab, a, b, b, {}, {}:
    apart = 2 * (2 / 3 + 2 * 2 / 3 + 2 * 1) + 2 * (2 * 1 + 2 * 2)  # between labels; between labels and nothing
    apart += 2 * 2 * 1  # {a b} and the two that are empty
    assert found["alpha"]["value"] == pytest.approx(1 - (2 / 3 / 3) / (apart / (6 * 5)))
    assert found["pairs"] == [
        {"first": annotator.pk, "second": colleague.pk, "items": 3, "percent": pytest.approx(2 / 3), "kappa": None, "f1": 0.8}
    ]
    assert [(row["value"], row["given"], row["specific"]["value"]) for row in found["labels"]] == [
        (b, 3, pytest.approx(2 / 3)), (a, 2, pytest.approx(1)),
    ]  # fmt: skip
    assert found["fleiss"] is None and "left out" in found["measure"]
    gold = {row["user"]: row["gold"]["share"] for row in found["people"]}
    assert gold == {annotator.pk: pytest.approx(2 * 1 / 3), colleague.pk: 1}  # F1 of {a b} with {a}
    assert {row["agreement"]["share"] for row in found["people"]} == {0.8}
    page = browse(manager).get(f"/projects/{project.pk}/quality/").content.decode()
    assert "MASI" in page and "Fleiss' kappa, of" not in page and "0.80" in page


def test_marks_agree_by_their_characters_and_exactly(project, ids, annotator, colleague, manager, api, browse):
    def mark(start: int, end: int, label: int) -> dict:
        return {"start": start, "end": end, "label": label}

    a, b = ids
    answered(
        project, "spans",
        {annotator: [mark(0, 2, a)], colleague: [mark(0, 3, a)]},
        {annotator: [mark(0, 1, b)], colleague: [mark(0, 1, b)]},
    )  # fmt: skip
    project.items.update(content="abcde")
    found = api(manager).get(f"/api/projects/{project.pk}/quality/").json()
    # 10 characters, 20 answers: 5 say a, 2 say b, 13 nothing; one character of ten is said otherwise.
    assert found["alpha"]["value"] == pytest.approx(1 - 0.1 / (2 * (5 * 2 + 5 * 13 + 2 * 13) / (20 * 19)))
    assert found["f1"]["value"] == pytest.approx(2 * 1 / 4) and found["pairs"][0]["f1"] == pytest.approx(0.5)
    assert found["percent"]["value"] == pytest.approx(0.5)
    assert {row["value"]: row["specific"]["value"] for row in found["labels"]} == {a: 0, b: 1}
    page = browse(manager).get(f"/projects/{project.pk}/quality/").content.decode()
    assert "F1 of exactly equal marks" in page and "Krippendorff and others 2016" in page


def test_marks_of_which_none_are_compared_have_no_numbers(project, ids, annotator, manager, api, browse):
    answered(project, "spans_overlapping", {annotator: []}, {annotator: [{"start": 0, "end": 1, "label": ids[0]}]})
    found = api(manager).get(f"/api/projects/{project.pk}/quality/").json()
    assert (found["answers"], found["alpha"], found["f1"], found["several"]) == (2, None, None, 0)
    assert browse(manager).get(f"/projects/{project.pk}/quality/").status_code == 200
