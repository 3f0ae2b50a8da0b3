"""Must a trial wait for people? One answer, for the loop (before it waits) and for the queue (when answers come in)."""

import math
from dataclasses import dataclass

from annotation.models import Purpose, Query
from learning.models import Audit, Trial

Status = Query.Status
_CLOSED = [Status.ANSWERED, Status.SKIPPED, Status.DISPUTED]


@dataclass(frozen=True, slots=True)
class Wait:
    """How many answers are there, of how many that the next round needs."""

    answered: int
    needed: int
    what: str

    @property
    def detail(self) -> str:
        return f"{self.answered} of {self.needed} answers {self.what}"


def must_wait(trial: Trial) -> Wait | None:
    """None where the learner may go on; otherwise what it waits for.

    * Before the first round: for the seed and test items, up to the quorum.
    * strict: until the quorum of this round's batch is closed (answered, skipped by all, or disputed); if it asked nothing, until
      nothing is open any more.
    * continuous: until as many new answers came, from whichever ranking, as the quorum of a batch; the ranking goes on
      beyond the batch, so people have work meanwhile.
    In every mode the learner goes on when nothing is open any more: then no answer can come.
    """
    if trial.run.kind == "labeling":
        return _wait_of_audit(trial)
    configuration = trial.run.configuration
    open_queries = trial.queries.filter(status__in=[Status.OPEN, Status.HELD])
    if not open_queries.exists():
        return None
    quorum = configuration["quorum"]
    if trial.round_number == 0:
        return _wait(trial.queries.filter(round_number=0), quorum, "of the seed and test items")
    if configuration["mode"] == "strict" or configuration["oracle"] == "known":
        batch = trial.queries.filter(round_number=trial.round_number, in_batch=True)
        if not batch.exclude(status=Status.WITHDRAWN).exists():
            # Nothing is left to ask but what people have already: they would be waited for in vain, round by empty round.
            return Wait(0, open_queries.count(), "of what is still open")
        return _wait(batch, quorum, f"of batch {trial.round_number}")
    needed = max(1, math.ceil(quorum * trial.batch_size))
    new = trial.queries.filter(status=Status.ANSWERED, closed_at__gte=trial.trained_at).exclude(purpose=Purpose.TEST)
    answered = new.count()
    return None if answered >= needed else Wait(answered, needed, f"since round {trial.round_number}")


def _wait(queries, quorum: float, what: str) -> Wait | None:
    asked = queries.exclude(status=Status.WITHDRAWN).count()
    closed = queries.filter(status__in=_CLOSED).count()
    needed = math.ceil(quorum * asked - 1e-9)
    return None if closed >= needed else Wait(closed, needed, what)


def _wait_of_audit(trial: Trial) -> Wait | None:
    """A run that labels the rest waits for its checks, and then for somebody to accept or decline what they prove."""
    audit = Audit.objects.filter(run=trial.run_id).first()  # as it is now: somebody may have accepted it
    if audit is None or audit.accepted_at:
        return None
    checks = trial.queries.filter(purpose=Purpose.CHECK)
    if audit.decision is not None:
        return Wait(0, 1, "of a manager: accept or decline what the checks prove")
    return _wait(checks, 1.0, "of the checks")
