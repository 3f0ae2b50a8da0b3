"""How many items a page may hold ahead: enough for a cut connection, too few to keep others waiting or to outlive a batch."""

from annotation import progress, queue
from annotation.queries import ask
from tests.annotation.asking import asked, items_of, running


def ahead(api, user, project) -> int:
    progress.forget()
    return api(user).get(f"/api/projects/{project.pk}/progress/").json()["ahead"]


def test_a_page_holds_much_alone_and_little_in_a_small_batch_or_a_large_team(api, project, annotator, colleague, manager):
    items = items_of(project, 40)
    assert ahead(api, annotator, project) == 12  # no run, nobody else
    for user in (annotator, colleague):
        queue.lease_next(user, project, 1)
    assert ahead(api, annotator, project) == 6
    queue.lease_next(manager, project, 1)
    assert ahead(api, annotator, project) == 4
    queue.release(manager, project)
    queue.release(colleague, project)
    ask(project, running(project), 1, asked(items), wanted=1)
    assert ahead(api, annotator, project) == 10  # a quarter of the batch
    queue.lease_next(colleague, project, 1)
    assert ahead(api, annotator, project) == 5
    for lease in queue.lease_next(colleague, project, 30):
        queue.submit(colleague, project, item=lease.item, value="ham", token=f"t{lease.pk}")
    queue.lease_next(colleague, project, 1)
    assert ahead(api, annotator, project) == 3  # the batch is nearly done
