"""The whole story, in a browser and with a real worker: from a file to a trained model, without a line of REST."""

import csv
import io
import time

import pytest

from learning import workers
from learning.models import Run
from projects.models import Membership, Project, User
from tests.learning.runs import texts
from tests.processes import start_worker, wait_until  # noqa: F401 - a fixture is used by its name

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def partly_labelled(n: int = 160) -> tuple[str, dict[str, str]]:
    """A CSV whose first half is labelled, and the true label of every text."""
    contents, classes = texts(n)
    names = ["ham", "spam"]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["id", "text", "label"])
    for i, (text, c) in enumerate(zip(contents, classes, strict=True)):
        writer.writerow([f"k{i}", text, names[c] if i < n // 2 else ""])
    return out.getvalue(), {text: names[c] for text, c in zip(contents, classes, strict=True)}


def label_by_keyboard(page, truth: dict[str, str], limit: int = 60, done=lambda: False) -> int:
    """Answer what is on the screen, one key each, until nothing comes or `done` says so."""
    count, before = 0, None
    deadline = time.monotonic() + 40
    while count < limit and not done() and time.monotonic() < deadline:
        shown = page.locator("#item:not([hidden]) .lb-text")
        text = shown.text_content() if shown.count() else None
        if text is None or text == before:
            page.wait_for_timeout(30)
            continue
        page.keyboard.press(page.locator(f'[data-label="{truth[text]}"] kbd').text_content().strip())
        count, before = count + 1, text
    page.wait_for_function("document.querySelector('#saved-text').textContent.includes('All saved')")
    return count


def test_from_a_file_to_a_trained_model(page, session_of, live_server, start_worker, admin_user, browser):  # noqa: F811
    start_worker()
    wait_until(workers.alive)  # a busy machine takes a while to load scikit-learn
    page.set_default_timeout(60_000)
    content, truth = partly_labelled()
    session_of(page.context, admin_user)
    page.goto(live_server.url + "/projects/new/")
    page.get_by_label("Name").first.fill("Post")
    page.get_by_role("button", name="Make the project").or_(page.locator("main form button")).first.click()
    page.wait_for_url("**/projects/*/**")
    project = Project.objects.get(name="Post")

    page.goto(f"{live_server.url}/projects/{project.pk}/datasets/new/")
    page.set_input_files("input[type=file]", {"name": "post.csv", "mimeType": "text/csv", "buffer": content.encode()})
    page.get_by_role("button", name="Upload and look at it").click()
    page.get_by_role("button", name="Import", exact=True).click()
    page.wait_for_selector("text=Start a run")
    assert project.items.count() == 160 and set(project.labels.values_list("name", flat=True)) == {"ham", "spam"}

    page.get_by_role("link", name="Start a run").click()
    page.wait_for_selector("text=What this means")
    page.locator('[name="batch_size"]').fill("5")
    page.locator('[name="test_ratio"]').fill("0.2")
    page.locator('[name$="labels"]').first.fill("85")
    target = page.locator('[name$="accuracy"][type="checkbox"], [value="accuracy"][type="checkbox"]').first
    if target.count() and target.is_checked():
        target.uncheck()
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_selector("text=Learning curve")
    run = Run.objects.get(project=project)

    for name in ("anna", "ben"):
        user = User.objects.create_user(name)
        Membership.objects.create(project=project, user=user, role="annotator")
    contexts = [browser.new_context() for _ in range(2)]
    given = []
    for context, name in zip(contexts, ("anna", "ben"), strict=True):
        session_of(context, User.objects.get(username=name))
        desk = context.new_page()
        desk.goto(f"{live_server.url}/projects/{project.pk}/label/")
        limit = 12 if name == "anna" else 200  # anna goes home early; ben does the rest
        given.append(label_by_keyboard(desk, truth, limit, lambda: Run.objects.get(pk=run.pk).status == "finished"))
        desk.close()  # which gives back what was fetched ahead, so nobody waits for it
    wait_until(lambda: Run.objects.get(pk=run.pk).status == "finished")
    run.refresh_from_db()
    assert run.stop_reason == "The budget of 85 labels is spent." and given[0] == 12 and given[1] > 0
    people = project.annotations.filter(current=True)
    assert people.count() == sum(given) == people.values("item").distinct().count()

    page.goto(f"{live_server.url}/distilling/{run.pk}/results/")
    page.wait_for_selector("text=The budget of 85 labels is spent.")
    with page.expect_download() as download:
        page.get_by_role("link", name="Model, ready to use (.zip)").click()
    assert download.value.failure() is None
    for context in contexts:
        context.close()
