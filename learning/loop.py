"""The loop of one trial, as a state machine over the database.

    preparing -> [waiting: seed and test labels] -> training -> predicting -> evaluating -> stop? -> finished
                                                       ^                                     |
                                                       +---- waiting for labels <- selecting <+

`Loop.run_until_blocked` does rounds until it must wait for people, is paused, or is over. Each round is committed in one
transaction, together with the queries that it asks; what was computed for an uncommitted round is simply computed again.
Every random choice comes from a generator seeded by (run's random state, trial, round, purpose), so it comes out the same.
"""

import math
import time
from contextlib import contextmanager
from functools import cached_property

import numpy as np
from django.db import transaction
from django.utils import timezone

from annotation import opinions, queries, turns
from annotation.models import Assignment, Purpose, Query, TellingWords
from annotation.queries import Ask
from learning import arms, batches, engine, warm_states
from learning.actions import log, tell
from learning.metric_names import in_a_sentence
from learning.models import Round, Run, Trial
from learning.phases import Phase, move
from learning.targets import targets_of
from learning.waiting import must_wait
from learning.workspace import Workspace
from projects import leases
from projects.models import Project

# People label on while the learner trains: the ranking goes at least this far beyond the batch (continuous mode).
RANKING_BEYOND_BATCH = 100
LONGEST_RANKING = 5000
_GONE = [Query.Status.ANSWERED, Query.Status.SKIPPED, Query.Status.DISPUTED]


class Loop:
    """One worker's turn at one trial, under the lease `token`."""

    def __init__(self, trial: Trial, token: str) -> None:
        self.trial, self.token = trial, token
        self.run: Run = trial.run
        self.configuration = self.run.configuration
        self.space = Workspace(self.run, trial.fold, trial.repeat)
        self.targets = targets_of(self.run.project)
        self.model = None
        self.timings: dict[str, float] = {}
        self._cache: dict = {}  # of the strategies, from round to round

    # --- The state machine

    def run_until_blocked(self) -> None:
        lost = Phase(self.trial.phase).needs_worker and self.trial.phase != Phase.PREPARING
        while self._goes_on():
            if lost:
                self._move(Phase.PREPARING)  # a worker was lost in the middle of this round: it is done again
                lost = False
            if self.trial.phase == Phase.PREPARING:
                self._prepare()
            if self.run.stop_reason:
                self._finish(self.run.stop_reason)  # the criterion's round was committed, its consequence was not
                return
            if self.run.stop_requested:
                self._stop()
                return
            if self._waits():
                return
            self._round()

    def _goes_on(self) -> bool:
        self.run.refresh_from_db(fields=["status", "stop_requested", "stop_reason"])
        if self.run.status == Run.Status.QUEUED:
            Run.objects.filter(pk=self.run.pk, status=Run.Status.QUEUED).update(status=Run.Status.RUNNING)
            self.run.refresh_from_db(fields=["status"])
        return self.run.status == Run.Status.RUNNING and self.trial.phase not in {Phase.FINISHED, Phase.FAILED}

    def _move(self, phase: Phase, detail: str = "") -> None:
        move(self.trial, phase, worker=self.token, detail=detail)

    @contextmanager
    def _timed(self, phase: Phase, detail: str = ""):
        self._move(phase, detail)
        begun = time.perf_counter()
        yield
        self.timings[phase.value] = time.perf_counter() - begun

    def _waits(self) -> bool:
        """Wait for people if need be. Asked again after the move: an answer that came meanwhile has seen no waiting trial."""
        if (wait := must_wait(self.trial)) is None:
            return False
        if self.trial.phase != Phase.WAITING:
            with transaction.atomic():
                self._move(Phase.WAITING, wait.detail)
                tell(self.run, "labels_wanted", f"waits for labels, {wait.detail}.", f"{self.trial.pk}:{self.trial.round_number}")
            return must_wait(self.trial) is not None
        return True

    # --- Preparing: features, the split, and the first questions

    def _prepare(self) -> None:
        self.space.features  # noqa: B018 - prepared here, so that the page says so, and loaded where they are used
        if not self.trial.queries.exists() and self.trial.round_number == 0:
            self._ask_seed_and_test()

    def _ask_seed_and_test(self) -> None:
        """Draw the seed; ask people for what has no label. With the oracle `known` the seed is what the run may see at first."""
        codes = self._oracle_codes
        pool = np.flatnonzero(self.space.in_pool)
        rng = engine.generator(self.space.seed, "seed", self.trial.fold, self.trial.repeat)
        how, size, candidates = self.configuration["seed_strategy"], self.configuration["seed_size"], pool
        there = np.empty(0, dtype=np.int64)
        if self.configuration["oracle"] != "known":
            candidates, there = pool[codes[pool] < 0], pool[codes[pool] >= 0]
            size = max(0, size - len(there))
        context = {"X": self.space.X, "derived": self.space.derived, "labeled": there, "y": codes[there]}
        seed = engine.draw_seed(candidates, size, rng, how, codes=codes, context=context)
        test = rng.permutation(self.space.test[codes[self.space.test] < 0])
        with self._commit():
            self._ask(0, self._asks(seed, Purpose.SEED, how), codes)
            self._ask(0, self._asks(test, Purpose.TEST), codes)
            if self.configuration["oracle"] == "people":
                there = int((self.space.in_pool & (codes >= 0)).sum())
                Trial.objects.filter(pk=self.trial.pk).update(n_labeled=there)
                self.trial.n_labeled = there
            text = f"{self.space.in_pool.sum()} items in the pool, {len(self.space.test)} in the test set."
            unanswered = int((codes[seed] < 0).sum()) + len(test)
            log(
                self.run,
                text + (f" {unanswered} seed and test items have no label: people are asked first." if unanswered else ""),
            )

    def _asks(self, positions: np.ndarray, purpose: Purpose, how: str = "random") -> list[tuple[int, Ask]]:
        return [
            (position, Ask(int(self.space.ids[position]), rank, purpose, how))
            for rank, position in enumerate(positions.tolist(), 1)
        ]

    def _ask(self, round_number: int, asks: list[tuple[int, Ask]], codes: np.ndarray) -> None:
        """Open the queries; those that the oracle `known` can answer are closed at once."""
        known = self.configuration["oracle"] == "known"
        answered = [ask for position, ask in asks if known and codes[position] >= 0]
        asked = [ask for position, ask in asks if not (known and codes[position] >= 0)]
        if answered:
            queries.ask(self.run.project, self.trial, round_number, answered, wanted=0)
        if asked:
            queries.ask(self.run.project, self.trial, round_number, asked, wanted=self.run.project.annotators_per_item)

    # --- One round

    @cached_property
    def _oracle_codes(self) -> np.ndarray:
        return self.space.labels.known() if self.configuration["oracle"] == "known" else self.space.labels.verdicts()

    def _read_labels(self) -> tuple[np.ndarray, np.ndarray]:
        """(codes of all items, mask of the pool's items that the learner may learn from now)."""
        trained_at = timezone.now()
        if not self._known_answers_all:
            self.__dict__.pop("_oracle_codes", None)  # people may have answered since
        codes = self._oracle_codes
        if self.configuration.get("disputed") == "majority":  # runs that were made before have no such setting
            codes = np.where((codes < 0) & self.space.in_pool, self.space.labels.majorities(), codes)
        labeled = self.space.in_pool & (codes >= 0)
        if self.configuration["oracle"] == "known":
            labeled &= self._revealed
        self.trained_at = trained_at
        return codes, labeled

    @cached_property
    def _known_answers_all(self) -> bool:
        return self.configuration["oracle"] == "known" and bool((self._oracle_codes >= 0).all())

    @cached_property
    def _revealed(self) -> np.ndarray:
        """Which items this trial has asked for (oracle `known`); kept up to date by `_commit_round`."""
        mask = np.zeros(len(self.space.ids), dtype=bool)
        asked = self.trial.queries.exclude(status=Query.Status.WITHDRAWN).values_list("item_id", flat=True)
        mask[np.searchsorted(self.space.ids, np.fromiter(asked, dtype=np.int64))] = True
        return mask

    def _round(self, *, last: bool = False) -> str | None:
        """Train, predict, evaluate, and unless a criterion holds (or this is the `last` one), select. The reason to stop."""
        number = self.trial.round_number + 1
        self.timings = {}
        begun = time.perf_counter()
        X, _ = self.space.features
        codes, labeled = self._read_labels()
        positions = np.flatnonzero(labeled)
        unlabeled = self.space.in_pool & ~labeled
        record = Round(trial=self.trial, number=number, n_labeled=len(positions), n_pool=int(unlabeled.sum()))
        candidates = self._candidates(unlabeled)
        counts = self.targets.counts(self.space.labels, codes[positions])
        earlier = self._earlier_rounds[-1] if self._earlier_rounds else None
        record.batch = batches.arrived(counts, earlier.batch.get("labeled") if earlier else None)
        record.elapsed = (timezone.now() - self.run.started_at).total_seconds()
        proba = None
        if self.targets.is_learnable(self.space.labels, codes[positions]):
            proba = self._learn(record, X, codes, positions, candidates)
        else:
            self.model = None
        record.timings = self.timings
        reason = self._check_stop(record, candidates)
        if reason or last:
            self._commit_round(record, [], codes, reason or "")
            if reason:
                self._finish(reason)
            return reason
        chosen, warm_up = self.configuration["strategy"], self.configuration["warm_up"]
        strategy = engine.strategy_now(chosen, warm_up, counts, self.model is not None, self.targets.strategies)
        with self._timed(Phase.SELECTING, self._missing_text(strategy, counts)):
            asks, expected = self._select(number, strategy, codes, positions, candidates, proba)
        self.timings["other"] = time.perf_counter() - begun - sum(self.timings.values())
        size, random = sum(ask.in_batch for _, ask in asks), sum(ask.purpose == Purpose.RANDOM for _, ask in asks)
        record.batch |= batches.asked(strategy["name"], expected, size) | {"candidates": len(candidates), "random": random}
        self._commit_round(record, asks, codes)
        self._compare_arms(record, codes, labeled)
        return None

    def _compare_arms(self, record: Round, codes: np.ndarray, labeled: np.ndarray) -> None:
        """Beside a ranking that people have already. If it is lost with a worker, the next one comes a few rounds later."""
        if not arms.due(self.trial, record) or (found := arms.compare(self.trial, self.space, codes, labeled)) is None:
            return
        record.batch |= {"arms": found}
        with self._commit():
            record.save(update_fields=["batch"])

    def _learn(self, record: Round, X, codes: np.ndarray, positions: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        """Fit and evaluate; the probabilities of the candidates, (n_candidates, n_classes)."""
        labels = self.space.labels
        seed = engine.integer_seed(self.space.seed, "learner", self.trial.fold, self.trial.repeat, record.number)
        with self._timed(Phase.TRAINING, f"round {record.number}: {len(positions)} labels"):
            learner, state = self.configuration["learner"], self._warm_state
            self.model, self._warm_state = self.targets.fit(learner, X, positions, labels, codes[positions], seed, state)
        test = self.space.test[codes[self.space.test] >= 0]
        with self._timed(Phase.PREDICTING, f"{len(candidates) + len(test)} items"):
            proba = self.targets.predict(self.model, X, candidates, labels)
            tested = self.targets.predict(self.model, X, test, labels)
            record.signals = self._measure(proba, candidates)
        with self._timed(Phase.EVALUATING):
            record.n_test = len(test)
            if len(test):
                record.metrics, record.confusion = self.targets.evaluate(labels, codes[test], tested)
        return proba

    @cached_property
    def _warm_state(self) -> dict | None:
        """Where the last round's training ended: from memory, after a restart from the database; the same bits."""
        return warm_states.load(self.trial)

    @cached_property
    def _stop_set(self) -> np.ndarray:
        """Positions of the fixed random part of the pool on whose predictions the stop criteria look."""
        rng = engine.generator(self.space.seed, "stop set", self.trial.fold, self.trial.repeat)
        return engine.draw_stop_set(np.flatnonzero(self.space.in_pool), rng=rng)

    def _measure(self, proba: np.ndarray, candidates: np.ndarray) -> dict:
        """The signals of this round, and the predictions that the next one will be compared with."""
        sample = self.targets.predict(self.model, self.space.X, self._stop_set, self.space.labels)
        before = self._earlier_rounds[-1].signals.get("predictions") if self._earlier_rounds else None
        decision = None
        if any(criterion["name"] == "margin_exhaustion" for criterion in self.configuration["stop"]):
            decision = engine.decision_values(self.model, self.space.X, candidates)
        return self.targets.signals(sample, before, proba, decision, self.space.labels)

    def _candidates(self, unlabeled: np.ndarray) -> np.ndarray:
        """Positions that may be asked: not labelled, not answered or given up, not on somebody's screen."""
        if self._known_answers_all:  # what was asked is labelled: nothing hangs in between
            return np.flatnonzero(unlabeled)
        mask = unlabeled.copy()
        mask[self.space.positions_of(self.trial.queries.filter(status__in=_GONE))] = False
        mask[self._pending] = False
        return np.flatnonzero(mask)

    @property
    def _pending(self) -> np.ndarray:
        """On somebody's screen, or half answered: part of the batch that is being asked, whatever the new ranking says."""
        if self._known_answers_all:
            return np.empty(0, dtype=np.int64)
        now = timezone.now()
        held = Assignment.objects.filter(query__trial=self.trial, query__status=Query.Status.OPEN)
        leased = held.filter(state=Assignment.State.LEASED, leased_until__gt=now)
        return self.space.positions_of(leased | held.filter(state=Assignment.State.SUBMITTED))

    def _select(
        self, number: int, strategy: dict, codes, positions, candidates, proba
    ) -> tuple[list[tuple[int, Ask]], np.ndarray | None]:
        """The batch, and in continuous mode the ranking beyond it, each with why it is asked; and how often the model expects
        each class in the batch."""
        # A budget is never overspent: what is asked at once, the ranking beyond the batch too, fits into what is left of it.
        left = self._budget_left(len(positions))
        batch_size = min(self.trial.batch_size, left)
        people = self.configuration["oracle"] == "people"
        beyond = max(batch_size, self._room()) if people and self.configuration["mode"] == "continuous" else 0
        beyond = min(beyond, left - batch_size)
        context = engine.Context(
            X=self.space.X,
            labeled=positions,
            y=self.targets.values(self.space.labels, codes[positions]),
            candidates=candidates,
            pending=self._pending,
            proba=proba,
            model=self.model,
            n_classes=len(self.space.labels.classes),
            learner=self.configuration["learner"],
            derived=self.space.derived,
            cache=self._cache,
            rng=engine.generator(self.space.seed, "select", self.trial.fold, self.trial.repeat, number),
        )
        selection = engine.select(
            strategy,
            context,
            batch_size,
            exploration=self.configuration["exploration"],
            rng=engine.generator(self.space.seed, "explore", self.trial.fold, self.trial.repeat, number),
            beyond=beyond,
            registry=self.targets.strategies,
        )
        predicted, expected = None, None
        if proba is not None:
            said = proba[np.searchsorted(candidates, selection.positions)]
            predicted = self.targets.predicted_labels(self.space.labels, said)
            expected = self.targets.predicted_counts(said[:batch_size])
        asks = []
        for i, position in enumerate(selection.positions.tolist()):
            random = bool(selection.is_random[i])
            score = None if random or selection.scores is None else float(selection.scores[i])
            ask = Ask(
                item_id=int(self.space.ids[position]),
                rank=i + 1,
                purpose=Purpose.RANDOM if random else Purpose.QUERY,
                strategy="random" if random else strategy["name"],
                score=score if score is None or math.isfinite(score) else None,
                probability=None if selection.probability is None else _finite(selection.probability[i]),
                in_batch=i < batch_size,
                prediction=None if predicted is None else predicted[i],
            )
            asks.append((position, ask))
        return asks, expected

    def _room(self) -> int:
        """How far the ranking goes beyond the batch, so that nobody finds it empty before the next one is there: what the team
        labels in twice the time of a round, and once more what is on its screens, since that many are fetched ahead."""
        before = self._earlier_rounds[-4:]
        if len(before) < 2:
            return RANKING_BEYOND_BATCH
        pace = (before[-1].n_labeled - before[0].n_labeled) / max(0.001, before[-1].elapsed - before[0].elapsed)
        slowest = max(sum(row.timings.values()) for row in before)
        wanted = math.ceil(2 * max(0.0, pace) * slowest) + len(self._pending)
        return min(LONGEST_RANKING, max(RANKING_BEYOND_BATCH, wanted))

    def _budget_left(self, n_labeled: int) -> int:
        """Labels that may still be asked for; at least one, since a spent budget stops the run before it selects."""
        budgets = [criterion["labels"] for criterion in self.configuration["stop"] if criterion["name"] == "budget"]
        asked = len(self._pending)
        return max(1, min(budgets) - n_labeled - asked) if budgets else len(self.space.ids)

    def _check_stop(self, record: Round, candidates: np.ndarray) -> str | None:
        history = [_as_history(row) for row in [*self._earlier_rounds, record]]
        verdicts, reason, record.advice = engine.check_stop(
            self.configuration["stop"],
            history,
            combine=self.configuration["stop_when"],
            min_rounds=self.configuration["min_rounds"],
            # Where an item may have any number of labels, some may be so rare that no criterion would ever count.
            n_classes=self._n_to_see(record) if self.targets.one_class_each else None,
        )
        record.stopping = verdicts
        if reason is None and len(candidates) == 0 and not self.trial.queries.filter(status=Query.Status.OPEN).exists():
            reason = "The pool is empty: nothing is left to ask."
        return reason

    def _n_to_see(self, record: Round) -> int:
        """Classes that a label was seen of, or can still come of: what is retired nobody can give any more."""
        open_ = set(self.run.project.labels.filter(retired_at=None).values_list("pk", flat=True))
        seen = record.batch.get("labeled", [])
        return sum(pk in open_ or (i < len(seen) and seen[i] > 0) for i, pk in enumerate(self.space.labels.classes))

    @cached_property
    def _earlier_rounds(self) -> list[Round]:
        return list(self.trial.rounds.order_by("number"))

    def _missing_text(self, strategy: dict, counts: np.ndarray) -> str:
        """Why another strategy asks than the chosen one: which classes still lack labels."""
        if strategy == self.configuration["strategy"]:
            return ""
        wanted = max(1, self.configuration["warm_up"]["labels_per_class"] if np.count_nonzero(counts) >= 2 else 1)
        names = dict(self.run.project.labels.values_list("pk", "name"))
        missing = [names.get(self.space.labels.classes[code], "?") for code in np.flatnonzero(counts < wanted)]
        shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        lack = "no label yet" if wanted == 1 else f"fewer than {wanted} labels"
        how = self.targets.strategies.get(strategy["name"]).label
        return f"{how} asks meanwhile: {lack} of {shown}."

    # --- Writing

    @contextmanager
    def _commit(self):
        """A transaction that only the holder of the lease can commit, in its turn: who waited for it goes on at once."""
        with turns.write():
            leases.assert_held(self.trial, self.token)
            yield

    def _commit_round(self, record: Round, asks: list[tuple[int, Ask]], codes: np.ndarray, reason: str = "") -> None:
        state = warm_states.packed(self._warm_state if self.model is not None else None)
        telling = self._telling_words()
        with self._commit():
            record.save()
            if telling is not None:  # a model without word weights leaves none of an earlier one's
                defaults = {"round_number": record.number, "words": telling}
                TellingWords.objects.update_or_create(project=self.run.project, defaults=defaults)
            if reason:
                Run.objects.filter(pk=self.run.pk).update(stop_reason=reason)
            queries.withdraw_unserved(self.trial)
            # Runs that were made before have no such setting.
            opinions.ask_doubted(self.trial, math.ceil(self.configuration.get("second_opinions", 0) * self.trial.batch_size))
            self._ask(record.number, self._still_wanted(asks), codes)
            status = Run.objects.filter(pk=self.run.pk).values_list("status", flat=True).get()
            if status != Run.Status.RUNNING:
                queries.hold(self.trial)
            progress = {"round_number": record.number, "n_labeled": record.n_labeled, "trained_at": self.trained_at}
            Trial.objects.filter(pk=self.trial.pk).update(**progress)
            warm_states.save(self.trial, record.number, state)
            log(self.run, _round_in_words(record, self.targets.main_metric))
        for name, value in progress.items():
            setattr(self.trial, name, value)
        self._earlier_rounds.append(record)
        if self.configuration["oracle"] == "known":
            self._revealed[[position for position, _ in asks]] = True

    def _telling_words(self) -> list[str] | None:
        """Only in a project that marks them, as it says now: it may have changed its mind since the run started."""
        if self.model is None or not Project.objects.filter(pk=self.run.project_id, show_highlights=True).exists():
            return None
        return engine.telling_words(self.space.features[1], self.model)

    def _still_wanted(self, asks: list[tuple[int, Ask]]) -> list[tuple[int, Ask]]:
        """Without those that somebody answered or opened since the candidates were read."""
        if not asks or self._known_answers_all:
            return asks
        mine = self.trial.queries.filter(item_id__in=[ask.item_id for _, ask in asks]).exclude(status=Query.Status.WITHDRAWN)
        taken = set(mine.select_for_update().values_list("item_id", flat=True))
        return [(position, ask) for position, ask in asks if ask.item_id not in taken]

    # --- The end

    def _stop(self) -> None:
        """People asked for the end: learn what came since the last round, then keep the model."""
        _, labeled = self._read_labels()
        reason = None
        if int(labeled.sum()) > self.trial.n_labeled or self.trial.round_number == 0:
            reason = self._round(last=True)
        if reason is None:
            self._finish("Stopped by a person.", status=Run.Status.STOPPED)

    def _finish(self, reason: str, status: str = Run.Status.FINISHED) -> None:
        from learning.finishing import keep_model

        codes, labeled = self._read_labels()
        X, transformer = self.space.features
        positions = np.flatnonzero(labeled)
        if self.model is None and self.targets.is_learnable(self.space.labels, codes[positions]):
            seed = engine.integer_seed(self.space.seed, "learner", self.trial.fold, self.trial.repeat, self.trial.round_number)
            learner, labels = self.configuration["learner"], self.space.labels
            self.model, _ = self.targets.fit(learner, X, positions, labels, codes[positions], seed, self._warm_state)
        kept = keep_model(self, X, transformer, codes, labeled) if self.model is not None else None
        with self._commit():
            if kept is not None:
                kept.save()
            queries.withdraw_all(self.trial)
            warm_states.save(self.trial, self.trial.round_number, None)  # nothing goes on from here
            self._move(Phase.FINISHED, reason[:300])
            over = {"status": status, "stop_reason": reason, "finished_at": timezone.now()}
            Run.objects.filter(pk=self.run.pk).update(**over)
            log(self.run, reason)
            tell(self.run, "run_finished", f"is over. {reason}")


def _as_history(row: Round) -> dict:
    return {
        "number": row.number,
        "n_labeled": row.n_labeled,
        "n_pool": row.n_pool,
        "n_test": row.n_test,
        "metrics": row.metrics,
        "confusion": row.confusion,
        "seconds": sum(row.timings.values()),
        "elapsed": row.elapsed,
        "classes_seen": int(np.count_nonzero(row.batch.get("labeled", []))),
        "signals": row.signals,
    }


def _round_in_words(record: Round, metric: str) -> str:
    """For the log: what the round learnt from, and how good that was."""
    words = f"Round {record.number}: {record.n_labeled} labels"
    if score := record.metrics.get(metric):
        return f"{words}, {in_a_sentence(metric)} {score['value']:.3f} ({score['low']:.3f} to {score['high']:.3f})."
    return f"{words}." if record.timings else f"{words}, no model yet."


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
