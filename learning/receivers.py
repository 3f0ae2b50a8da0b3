"""The receivers of what goes against the direction of imports: answers wake the learner, exports ask for its predictions."""

from annotation.models import Query
from learning.dispatch import wake_and_enqueue
from learning.models import Run, Trial
from learning.phases import Phase
from learning.waiting import must_wait
from projects import rows

_WAITING = (str(Phase.WAITING), str(Run.Status.RUNNING))
_IS_WAITING = (
    f"SELECT 1 FROM {Trial._meta.db_table} t JOIN {Run._meta.db_table} r ON r.id = t.run_id "
    "WHERE t.id = %s AND t.phase = %s AND r.status = %s"
)


def wake_waiting_trials(sender, queries: list[Query], **kwargs) -> None:
    """In the transaction that stored the answers: a waiting trial that need not wait any more gets a job on commit.

    A trial in any other phase asks by itself before it waits. What may slip through between the two (PostgreSQL's two
    transactions do not see each other) is found by `recover` a few seconds later.
    """
    asked = {query.trial_id for query in queries} - {None}
    waiting = [trial for trial in asked if rows.first(_IS_WAITING, trial, *_WAITING)]
    if not waiting:  # nearly always: this stands in everybody's way
        return
    from learning.actions import tell  # late: the engine behind it is slow to import

    for trial in Trial.objects.filter(pk__in=waiting).select_related("run"):
        if must_wait(trial) is None:
            batch = f"batch {trial.round_number} is labelled" if trial.round_number else "the seed and test items are labelled"
            tell(trial.run, "batch_done", f"{batch}; the learner goes on.", f"{trial.pk}:{trial.round_number}")
            wake_and_enqueue(trial)


def give_predictions(sender, run: Run, **kwargs):
    """For an export that names a run."""
    from learning.downloads import predictions

    return predictions(run)
