"""The receivers of what goes against the direction of imports: answers wake the learner, exports ask for its predictions."""

from annotation.models import Query
from learning.actions import tell
from learning.dispatch import wake_and_enqueue
from learning.models import Run, Trial
from learning.phases import Phase
from learning.waiting import must_wait


def wake_waiting_trials(sender, queries: list[Query], **kwargs) -> None:
    """In the transaction that stored the answers: a waiting trial that need not wait any more gets a job on commit.

    A trial in any other phase asks by itself before it waits. What may slip through between the two (PostgreSQL's two
    transactions do not see each other) is found by `recover` a few seconds later.
    """
    trials = Trial.objects.filter(
        pk__in={query.trial_id for query in queries}, phase=Phase.WAITING, run__status=Run.Status.RUNNING
    )
    for trial in trials.select_related("run"):
        if must_wait(trial) is None:
            batch = f"batch {trial.round_number} is labelled" if trial.round_number else "the seed and test items are labelled"
            tell(trial.run, "batch_done", f"{batch}; the learner goes on.", f"{trial.pk}:{trial.round_number}")
            wake_and_enqueue(trial)


def give_predictions(sender, run: Run, **kwargs):
    """For an export that names a run."""
    from learning.downloads import predictions

    return predictions(run)
