"""What a worker does for one trial of an analysis: the whole curve, round by round, committed about every two seconds.

Whatever was not committed is computed again, and comes out the same: the split, the seed set and every choice follow from the
run's random state, and the learner goes on from the state that was committed with the last round.
"""

import time
from concurrent.futures import wait
from functools import cached_property

import numpy as np
from django.db import connection, transaction
from django.utils import timezone

from learning import batches, engine, warm_states
from learning.actions import log, tell
from learning.analysis.room import Computer, Room
from learning.analysis.settings import FULL_MODEL
from learning.analysis.space import AnalysisSpace
from learning.models import Event, Round, Run, Trial
from learning.phases import Phase, show
from projects import leases

# Seconds. Shorter ones cost time, and people who label wait for every commit; longer ones make the page lag and a killed worker
# repeat more.
COMMIT_EVERY = 2.0
SHOW_EVERY = 0.5
# A trial gives way to the runs for which people wait as soon as it has worked this long.
YIELD_AFTER = 5.0
LOOK_EVERY = 0.5
PEOPLE_FIRST = "waits while people label: a core of this machine is left to them"
_STEPS = {"fit": "training", "predict": "predicting", "select": "selecting"}
_OVER = [Phase.FINISHED, Phase.FAILED]


class Yield(Exception):
    """Somebody with more right to this worker waits: the trial goes on later."""


class Analyst:
    """One worker's turn at one trial, under the lease `token`. `gives_way` says whether others wait for this worker.

    `computer`: where the arithmetic is done, at a priority of its own; None: where everything else is.
    `room`: its place on a machine where people label; None: it need not ask.
    """

    def __init__(
        self, trial: Trial, token: str, gives_way=lambda: False, computer: Computer | None = None, room: Room | None = None
    ) -> None:
        self.trial, self.token, self.gives_way, self.computer, self.room = trial, token, gives_way, computer, room
        self.run: Run = trial.run
        self.plan = self.run.configuration
        self._rounds: list[Round] = []
        self._counts: list[int] | None = None
        self._shown, self._to_show = 0.0, ""

    def run_until_blocked(self) -> None:
        """To the end of the curve; less where the run is paused or stopped. Raises Yield where it gives way."""
        if not self._goes_on() or not self._find_room():
            return
        show(self.trial, Phase.PREPARING, worker=self.token)
        self._prepare()
        begun = committed = looked = time.monotonic()
        while True:
            done = self._step()
            self._rounds.append(self._record(done))
            over, crowded = len(done["asked"]) == 0, False
            if time.monotonic() - looked > LOOK_EVERY:
                looked = time.monotonic()
                crowded = self.room is not None and not self.room.has_place()
            if over or crowded or time.monotonic() - committed > COMMIT_EVERY:
                self._commit(over)
                if over or not self._goes_on() or not self._find_room():
                    return
                committed = time.monotonic()
                if committed - begun > YIELD_AFTER and self.gives_way():
                    raise Yield

    def _prepare(self) -> None:
        """The features of the split, unless another trial has prepared them."""
        if self.computer is not None:
            _ = self._space.test  # what is read, and kept, of the labels comes first
            self.computer.submit(_load, self._space).result()

    def _find_room(self) -> bool:
        """Wait for a place while people label; False where the run does not go on meanwhile. Raises Yield where it gives way."""
        while self.room is not None and not self.room.has_place():
            if self.trial.detail != PEOPLE_FIRST:
                show(self.trial, Phase(self.trial.phase), worker=self.token, detail=PEOPLE_FIRST)
            if self.gives_way():
                raise Yield
            time.sleep(LOOK_EVERY)
            if not self._goes_on():
                return False
        return True

    def _step(self) -> dict:
        if self.computer is None:
            return self._simulation.step(self._show)
        future = self.computer.submit(self._simulation.step, self._note)
        while not wait([future], timeout=SHOW_EVERY).done:
            self._show(self._to_show)
        self._show(self._to_show)
        return future.result()

    def _note(self, phase: str) -> None:
        """What the next look finds: whatever was done when it became due, else a page would see but the ends of short rounds."""
        if not self._to_show or time.monotonic() - self._shown < SHOW_EVERY:
            self._to_show = phase

    def _goes_on(self) -> bool:
        status = Run.objects.filter(pk=self.run.pk).values_list("status", flat=True).get()
        if status == Run.Status.QUEUED:
            Run.objects.filter(pk=self.run.pk, status=Run.Status.QUEUED).update(status=Run.Status.RUNNING)
            status = Run.Status.RUNNING
        return status == Run.Status.RUNNING and self.trial.phase not in _OVER

    def _show(self, phase: str) -> None:
        now = time.monotonic()
        if phase and now - self._shown > SHOW_EVERY:
            self._shown, self._to_show = now, ""
            show(self.trial, Phase(phase), worker=self.token, detail=f"round {self._simulation.number}")

    @cached_property
    def _space(self) -> AnalysisSpace:
        return AnalysisSpace.of(self.trial)

    @cached_property
    def _simulation(self) -> engine.Simulation:
        """As far as the committed rounds go."""
        simulation = simulation_of(self._space, self.trial)
        rows = list(self.trial.rounds.order_by("number").values_list("asked", "batch"))
        if rows:
            asked = [np.searchsorted(self._space.ids, ids) for ids, _ in rows]
            simulation.resume(asked, warm_states.load(self.trial))
            self._counts = rows[-1][1].get("labeled")
        return simulation

    def _record(self, done: dict) -> Round:
        seconds = {_STEPS[step]: value for step, value in done["seconds"].items()}
        batch = batches.arrived(done["counts"], self._counts)
        self._counts = batch["labeled"]
        return Round(
            trial=self.trial,
            number=done["number"],
            n_labeled=done["n_labeled"],
            n_pool=done["n_pool"],
            n_test=len(self._space.test) if done["metrics"] else 0,
            metrics=done["metrics"],
            timings=seconds,
            batch=batch,
            asked=self._space.ids[done["asked"]].tolist(),
            elapsed=(timezone.now() - self.run.started_at).total_seconds(),
        )

    def _commit(self, over: bool) -> None:
        last = self._rounds[-1]
        state = warm_states.packed(None if over else self._simulation.state)
        with transaction.atomic():
            leases.assert_held(self.trial, self.token)
            Round.objects.bulk_create(self._rounds)
            Trial.objects.filter(pk=self.trial.pk).update(round_number=last.number, n_labeled=last.n_labeled)
            warm_states.save(self.trial, last.number, state)
            if over:
                show(self.trial, Phase.FINISHED, worker=self.token)
                finish_if_done(self.run)
        self.trial.round_number, self._rounds = last.number, []


def _load(space: AnalysisSpace) -> None:
    try:
        _ = space.X
    finally:
        connection.close()  # a thread has one of its own


def simulation_of(space: AnalysisSpace, trial: Trial) -> engine.Simulation:
    """The trial's curve, before its first round."""
    plan, pool = space.plan, np.flatnonzero(space.in_pool)
    if trial.strategy == FULL_MODEL:
        strategy, batch_size, seed_size, most = {"name": "random"}, 1, len(pool), len(pool)
    else:
        strategy = plan["strategies"][plan["strategy_labels"].index(trial.strategy)]
        batch_size, seed_size, most = trial.batch_size, plan["seed_size"], plan["max_labels"] or len(pool)
    return engine.Simulation(
        space.X,
        space.codes,
        pool,
        space.test,
        learner=plan["learners"][trial.learner],
        strategy=strategy,
        batch_size=batch_size,
        seed_size=seed_size,
        max_labels=most,
        seed=space.seed,
        split=(trial.fold, trial.repeat),
        who=(trial.strategy,),
        n_classes=max(len(space.run.classes), int(space.codes.max()) + 1),
        warm_up=plan["warm_up"],
        how_seeded=plan["seed_strategy"],
        intervals=False,
        metrics=plan["metrics"],
        derived=space.derived,
    )


def fail_trial(trial: Trial, token: str, error: str, traceback: str) -> None:
    """This trial alone has failed; the others go on."""
    with transaction.atomic():
        leases.assert_held(trial, token)
        Trial.objects.filter(pk=trial.pk).update(error=error, traceback=traceback)
        show(trial, Phase.FAILED, worker=token, detail=error)
        log(trial.run, f"{in_words(trial)} failed: {error}", level=Event.Level.ERROR)
        finish_if_done(trial.run)


def in_words(trial: Trial) -> str:
    batch = f", batch {trial.batch_size}" if trial.batch_size else ""
    return f"Trial {trial.strategy}{batch}, fold {trial.fold + 1}, repeat {trial.repeat + 1}"


def finish_if_done(run: Run) -> None:
    """In the transaction that ended a trial: was it the last one? The run's row is locked, so that two cannot both say no."""
    Run.objects.select_for_update().get(pk=run.pk)
    left = run.trials.exclude(phase__in=_OVER)
    if left.exists():
        return
    failed, n = run.trials.filter(phase=Phase.FAILED).count(), run.trials.count()
    reason = f"All {n} trials are done." if not failed else f"{n - failed} of {n} trials are done; {failed} failed."
    changed = Run.objects.filter(pk=run.pk, status__in=[Run.Status.QUEUED, Run.Status.RUNNING])
    if changed.update(status=Run.Status.FINISHED, stop_reason=reason, finished_at=timezone.now()):
        log(run, reason)
        tell(run, "run_finished", f"is over. {reason}")
