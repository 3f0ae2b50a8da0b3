"""How far people agree, by REST, and who sees whose numbers."""

import pytest

from annotation.models import Annotation, Gold
from projects.labels import merge_label
from tests.annotation.asking import items_of


@pytest.fixture(autouse=True)
def nothing_kept():
    """Ids come again after a rollback, and what is kept is known by them."""
    from learning.quality.figures import _figures

    _figures.cache_clear()


@pytest.fixture
def answered(project, annotator, colleague):
    """Ten items, two answers each: they differ on two. Both answered gold: the colleague is wrong on one of two."""
    ham, spam = project.labels.values_list("pk", flat=True)
    rows = []
    for i, item in enumerate(items_of(project, 10)):
        truth = ham if i % 2 else spam
        other = ham if i in (0, 2) else truth
        rows += [
            Annotation(project=project, item=item, user=user, value=value, seconds=seconds, token=f"{i}{user}")
            for user, value, seconds in [(annotator, truth, 2.0), (colleague, other, 4.0)]
        ]
        if i < 2:
            Gold.objects.create(project=project, item=item, value=truth)
    Annotation.objects.bulk_create(rows)


def test_agreement_and_each_persons_numbers(project, answered, annotator, colleague, manager, api):
    found = api(manager).get(f"/api/projects/{project.pk}/quality/").json()
    assert found["percent"]["value"] == pytest.approx(0.8)
    # 5 and 3 of spam, 5 and 7 of ham: chance 0.5, so kappa 0.6; alpha: 1 - 0.2 / (2 * 8 * 12 / (20 * 19))
    assert found["pairs"][0]["kappa"] == pytest.approx(0.6)
    assert found["alpha"]["value"] == pytest.approx(1 - 0.2 / (192 / 380))
    by_user = {row["user"]: row for row in found["people"]}
    assert (by_user[annotator.pk]["gold"]["share"], by_user[colleague.pk]["gold"]["share"]) == (1.0, 0.5)
    assert by_user[colleague.pk]["seconds"] == 4.0


def test_annotators_see_their_own_row_alone(project, answered, annotator, api):
    found = api(annotator).get(f"/api/projects/{project.pk}/quality/").json()
    assert [row["user"] for row in found["people"]] == [annotator.pk] and found["pairs"] == []


def test_a_project_without_answers_has_no_numbers(project, manager, api):
    assert api(manager).get(f"/api/projects/{project.pk}/quality/").json()["alpha"] is None


def test_where_people_disagree(project, answered, manager, api):
    ham, spam = project.labels.values_list("pk", flat=True)
    found = api(manager).get(f"/api/projects/{project.pk}/quality/").json()
    assert found["several"] == 10 and found["fleiss"]["per_item"] == 2
    assert found["confusions"] == [{"first": ham, "second": spam, "pairs": 2, "share": 1.0}]
    assert found["matrix"]["values"] == [ham, spam] and found["matrix"]["rows"] == [[5, 2], [2, 3]]


def test_who_is_asked_because_others_disagree_does_not_count_as_agreement(project, answered, reviewer, manager, api):
    """Of ten items two people differ on two: a third answer to those two, which agrees with one of them, changes nothing."""
    before = api(manager).get(f"/api/projects/{project.pk}/quality/").json()
    ham = project.labels.get(name="ham").pk
    for item in project.items.order_by("pk")[:3:2]:
        Annotation.objects.create(project=project, item=item, user=reviewer, value=ham, token=f"third{item.pk}")
    found = api(manager).get(f"/api/projects/{project.pk}/quality/").json()
    assert found["fleiss"]["items"] == 10 and found["fleiss"]["value"] == before["fleiss"]["value"] < 0.7
    for name in ("percent", "alpha", "labels", "confusions", "pairs"):
        assert found[name] == before[name], name
    assert found["answers"] == before["answers"] + 2
    project.annotators_per_item = 3
    project.save()
    assert api(manager).get(f"/api/projects/{project.pk}/quality/").json()["percent"] != before["percent"]  # then it was wanted


def test_a_merge_of_labels_and_another_gold_value_are_seen_at_once(project, answered, colleague, manager, api):
    def read() -> dict:
        return api(manager).get(f"/api/projects/{project.pk}/quality/").json()

    def gold(found: dict) -> float:
        return next(row["gold"]["share"] for row in found["people"] if row["user"] == colleague.pk)

    ham, spam = project.labels.all()
    assert gold(read()) == 0.5
    Gold.objects.filter(project=project, value=spam.pk).update(value=ham.pk)
    assert gold(read()) == 1.0
    merge_label(spam, ham)
    assert read()["percent"]["value"] == 1.0


def test_the_page_says_how_far_people_agree_and_what_they_confuse(project, answered, manager, annotator, colleague, browse):
    page = browse(manager).get(f"/projects/{project.pk}/quality/").content.decode()
    assert "annotator and colleague" in page and "80 %" in page and "0.60" in page
    assert "One says <strong>ham</strong>, another <strong>spam</strong>: 2 times, 100 % of all disagreement." in page
    own = browse(annotator).get(f"/projects/{project.pk}/quality/").content.decode()
    assert "<td>annotator</td>" in own and "colleague" not in own and "Krippendorff" not in own


def test_the_table_of_people_as_csv(project, answered, manager, annotator, browse):
    def people(user) -> list[str]:
        lines = browse(user).get(f"/projects/{project.pk}/quality/people.csv").content.decode().splitlines()
        return [line.split(",")[0] for line in lines]

    assert people(manager) == ["person", "annotator", "colleague"]
    assert people(annotator) == ["person", "annotator"]


def test_reviewers_see_no_names_where_the_project_hides_them(project, answered, reviewer, browse):
    project.hide_names = True
    project.save()
    for address in ("", "people.csv"):
        page = browse(reviewer).get(f"/projects/{project.pk}/quality/{address}").content.decode()
        assert "Person " in page and "colleague" not in page


def test_the_page_says_what_to_do_while_nobody_answers_twice(project, annotator, manager, browse):
    page = browse(manager).get(f"/projects/{project.pk}/quality/").content.decode()
    assert "Nobody has answered yet" in page
    (item,) = items_of(project, 1)
    Annotation.objects.create(project=project, item=item, user=annotator, value=project.labels.first().pk, token="1")
    page = browse(manager).get(f"/projects/{project.pk}/quality/").content.decode()
    assert "Let two people answer a tenth of the items" in page
