"""Labels: what may be done to one that is in use, and to one that is not."""

import pytest

from annotation import queue
from annotation.models import Annotation, Verdict
from learning.models import Run
from projects.labels import LabelRefused, add_label, change_label, delete_label, merge_label, used_labels
from projects.models import Item, Label
from projects.project_actions import WrongState
from projects.task_types import InvalidValue
from tests.annotation.asking import items_of
from tests.projects.test_export import make_items


@pytest.fixture
def ham(project) -> Label:
    return project.labels.get(name="ham")


@pytest.fixture
def spam(project) -> Label:
    return project.labels.get(name="spam")


def test_a_new_label_gets_a_free_key_and_a_colour_and_comes_last(project):
    label = add_label(project, "  maybe ")
    assert (label.name, label.hotkey) == ("maybe", "3")
    assert label.color.startswith("#") and list(project.labels.all())[-1] == label
    assert add_label(project, "x").hotkey == "x"
    assert add_label(project, "no key", hotkey="").hotkey == ""


@pytest.mark.parametrize(
    ("kwargs", "field"),
    [
        ({"name": "ham"}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "a" * 201}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"name": "new", "color": "red"}, "color"),
        ({"name": "new", "hotkey": "1"}, "hotkey"),
        ({"name": "new", "hotkey": "é"}, "hotkey"),
    ],
)
def test_what_cannot_be_a_label_is_refused_with_the_field_at_fault(project, kwargs, field):
    with pytest.raises(LabelRefused) as refused:
        add_label(project, **kwargs)
    assert refused.value.field == field
    assert project.labels.count() == 2


def test_a_label_may_be_renamed_to_itself_but_not_to_another(ham):
    assert change_label(ham, name="ham", hotkey="1").name == "ham"
    with pytest.raises(LabelRefused):
        change_label(ham, name="spam")


def test_a_retired_label_gives_its_key_away_and_can_come_back(project, ham):
    change_label(ham, retired=True)
    assert ham.retired_at and add_label(project, "new").hotkey == "1"
    assert change_label(ham, retired=False).retired_at is None


def test_an_unused_label_can_be_deleted(project, ham):
    delete_label(ham)
    assert [label.name for label in project.labels.all()] == ["spam"]


@pytest.mark.parametrize("where", ["imported", "answer", "old answer", "verdict", "run"])
def test_a_label_in_use_anywhere_cannot_be_deleted(project, ham, annotator, where):
    [item] = make_items(project, ["a text"])
    if where == "imported":
        Item.objects.filter(pk=item.pk).update(known=ham.pk)
    elif where == "verdict":
        Verdict.objects.create(project=project, item=item, value=ham.pk, source="model", current=False)
    elif where == "run":
        Run.objects.create(project=project, status="finished", classes=[ham.pk])
    else:
        current = where == "answer"
        Annotation.objects.create(project=project, item=item, user=annotator, value=ham.pk, token="t", current=current)
    assert used_labels(project) == {ham.pk}
    with pytest.raises(WrongState, match="rename it, merge it into another label, or retire it"):
        delete_label(ham)
    assert project.labels.count() == 2


def test_a_merge_takes_every_value_along_and_leaves_the_rest_alone(project, ham, spam, annotator):
    first, second = make_items(project, ["one", "two"], known=None)
    Item.objects.filter(pk=first.pk).update(known=ham.pk)
    Annotation.objects.create(project=project, item=first, user=annotator, value=ham.pk, token="1")
    Annotation.objects.create(project=project, item=second, user=annotator, skipped=True, token="2")
    Verdict.objects.create(project=project, item=first, value=ham.pk, source="people")
    Verdict.objects.create(project=project, item=second, value=spam.pk, source="imported")
    assert merge_label(ham, spam) == 1
    assert [label.name for label in project.labels.all()] == ["spam"]
    assert set(project.verdicts.values_list("value", flat=True)) == {spam.pk}
    assert list(project.annotations.order_by("pk").values_list("value", flat=True)) == [spam.pk, None]
    assert list(project.items.order_by("pk").values_list("known", flat=True)) == [spam.pk, None]


def test_a_merged_label_that_a_run_knows_is_kept_as_a_retired_one(project, ham, spam):
    Run.objects.create(project=project, status="finished", classes=[ham.pk, spam.pk])
    merge_label(ham, spam)
    assert Label.objects.get(pk=ham.pk).retired_at


@pytest.mark.parametrize("status", ["queued", "running", "paused"])
def test_labels_that_a_run_is_learning_are_not_merged(project, ham, spam, status):
    Run.objects.create(project=project, status=status, classes=[ham.pk, spam.pk])
    with pytest.raises(WrongState, match="stop it first"):
        merge_label(ham, spam)


def test_answers_by_a_name_that_a_label_had_before_are_answers(project, ham, spam, annotator):
    """Pages that are open since before, and answers that were offline, say it as they knew it."""
    item = items_of(project, 1)[0]

    def said(name: str) -> int:
        token = f"t{Annotation.objects.count()}"
        return queue.submit(annotator, project, item=item, value=name, token=token).annotation.value

    change_label(ham, name="Ham")
    assert said("ham") == said("Ham") == ham.pk
    add = add_label(project, "ham")  # a label that is called so now comes first
    assert said("ham") == add.pk
    merge_label(add, spam)
    assert said("ham") == spam.pk
    change_label(ham, name="ham")
    assert said("ham") == ham.pk and said("Ham") == ham.pk
    with pytest.raises(InvalidValue, match="The labels are: ham, spam"):
        said("eggs")


def test_a_label_is_not_merged_into_itself_or_a_retired_one(ham, spam):
    with pytest.raises(LabelRefused):
        merge_label(ham, ham)
    change_label(spam, retired=True)
    with pytest.raises(LabelRefused, match="retired"):
        merge_label(ham, spam)
