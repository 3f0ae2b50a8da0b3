"""What a worker does for a labelling run, resumable at every step: freeze, ask, decide, write.

    preparing -> waiting (checks) -> evaluating -> waiting (a person's decision) -> labeling -> finished

Freezing writes the scores of every item once; what is decided later follows from them and from the answers alone.
"""

import tempfile
from contextlib import contextmanager
from functools import cached_property
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from annotation import queries
from annotation.models import Purpose, Verdict
from annotation.queries import Ask
from learning import engine
from learning.actions import log, tell
from learning.finishing import read_predictions
from learning.models import Audit, ModelFile, Run, Trial
from learning.phases import Phase, move
from learning.waiting import must_wait
from learning.workspace import Workspace
from projects import leases

# Of what the model may not label, the most uncertain go back to the queue: as many as a team works through in weeks.
RETURNED = 20_000
_BATCH = 5000


class Labeler:
    """One worker's turn at a labelling run, under the lease `token`."""

    def __init__(self, trial: Trial, token: str) -> None:
        self.trial, self.token = trial, token
        self.run: Run = trial.run
        self.configuration = self.run.configuration

    def run_until_blocked(self) -> None:
        """Every step finds out by itself whether it was done."""
        if Phase(self.trial.phase).needs_worker and self.trial.phase != Phase.PREPARING:
            self._move(Phase.PREPARING)  # a worker was lost; what it had not committed is done again
        if not self._goes_on():
            return
        if self.run.stop_requested:
            self._finish("Declined: nothing was labelled.", Run.Status.STOPPED)
            return
        if not Audit.objects.filter(run=self.run).exclude(n_rest=0).exists():
            self._freeze()
        if self._waits():
            return
        if self.audit.decision is None:
            self._decide()
        if self.run.status == Run.Status.RUNNING and self.trial.phase != Phase.FINISHED and not self._waits():
            self._apply()

    def _goes_on(self) -> bool:
        self.run.refresh_from_db(fields=["status", "stop_requested"])
        if self.run.status == Run.Status.QUEUED:
            Run.objects.filter(pk=self.run.pk, status=Run.Status.QUEUED).update(status=Run.Status.RUNNING)
            self.run.refresh_from_db(fields=["status"])
        return self.run.status == Run.Status.RUNNING and self.trial.phase not in {Phase.FINISHED, Phase.FAILED}

    def _move(self, phase: Phase, detail: str = "") -> None:
        if self.trial.phase != phase:
            move(self.trial, phase, worker=self.token, detail=detail[:300])

    def _waits(self) -> bool:
        self.trial.run = self.run
        if (wait := must_wait(self.trial)) is None:
            return False
        self._move(Phase.WAITING, wait.detail)
        return must_wait(self.trial) is not None

    @contextmanager
    def _commit(self):
        with transaction.atomic():
            leases.assert_held(self.trial, self.token)
            yield

    @property
    def audit(self) -> Audit:
        """As it is now: somebody may have accepted it."""
        return Audit.objects.get(run=self.run)

    # --- Freeze, and ask the checks

    @cached_property
    def source(self) -> Run:
        return Run.objects.select_related("project").get(pk=self.configuration["source"])

    def _freeze(self) -> None:
        """Calibrated confidences of all items without a label, the order of the tests, and the random checks."""
        space = Workspace(self.source)
        kept = ModelFile.objects.get(trial__run=self.source)
        codes, labeled = self._labels(space)
        rest = self._rest(space)
        if len(rest) == 0:
            raise engine.EngineError("Every item of that run has a label already: there is no rest to label.")
        columns = self._columns(kept, space)
        calibrator, reliability = self._calibrate(space, codes, labeled)
        # The proof for exactly these items needs that enough of them stay unchecked (docs/guarantee.md).
        checks = min(self.configuration["checks"], max(1, 2 * len(rest) // 3))
        raw = engine.predict(self._model(kept, columns), space.X, rest, len(space.labels.classes))
        proba = calibrator.apply(raw)
        best = proba.argmax(axis=1)
        confidence = proba[np.arange(len(rest)), best]
        plan = engine.plan_audit(
            confidence,
            self.configuration["accuracy"],
            1 - self.configuration["delta"],
            audit_size=checks,
            mode=self.configuration["audit"],
            version=self.configuration["version"],
            rng=engine.generator(self.configuration["random_state"], "audit", self.run.pk),
        )
        frame = pd.DataFrame(
            {"item_id": space.ids[rest], "label": np.asarray(space.labels.classes)[best], "confidence": confidence}
        )
        buffer = BytesIO()
        frame.to_parquet(buffer, index=False)
        name = default_storage.save(f"models/run-{self.run.pk}/scores.parquet", ContentFile(buffer.getvalue()))
        checks = frame["item_id"].to_numpy()[list(plan.sample)].tolist()
        asks = [Ask(item, rank, Purpose.CHECK, "random") for rank, item in enumerate(checks, 1)]
        with self._commit():
            Audit.objects.update_or_create(
                run=self.run,
                defaults={
                    "scores": name,
                    "n_rest": len(rest),
                    "plan": plan.to_json(),
                    "calibration": {"method": "temperature", "calibrator": calibrator.to_json(), "reliability": reliability},
                },
            )
            queries.ask(self.run.project, self.trial, 0, asks, wanted=self.run.project.annotators_per_item)
            log(self.run, f"{len(rest):,} items have no label; {len(checks):,} of them, drawn at random, are checked.")

    def _labels(self, space: Workspace) -> tuple[np.ndarray, np.ndarray]:
        """(codes of all items, positions of those that the model learnt from)."""
        known = self.source.configuration["oracle"] == "known"
        codes = space.labels.known() if known else space.labels.verdicts()
        predictions = read_predictions(self.source.trials.get())
        learnt = predictions.loc[predictions["split"] == "labeled", "item_id"].to_numpy()
        positions = np.searchsorted(space.ids, learnt)
        return codes, positions[codes[positions] >= 0]

    def _rest(self, space: Workspace) -> np.ndarray:
        """Positions of the items of the source run that nobody and nothing has labelled."""
        verdicts = Verdict.objects.filter(project_id=self.run.project_id, current=True).order_by()
        labeled = np.fromiter(verdicts.values_list("item_id", flat=True).iterator(chunk_size=20_000), dtype=np.int64)
        return np.flatnonzero(~np.isin(space.ids, labeled))

    def _columns(self, kept: ModelFile, space: Workspace) -> list[int]:
        """The class codes of the model's columns; files of version 0.1 have names only."""
        labels = kept.classes
        if not labels:
            ids = dict(self.run.project.labels.values_list("name", "pk"))
            with kept.file.open("rb") as file:
                labels = [ids.get(name) for name in _load(file.read()).classes_]
        return [space.labels.classes.index(label) for label in labels]

    def _model(self, kept: ModelFile, columns: list[int]):
        """The learner without its features, its classes as codes again."""
        with kept.file.open("rb") as file:
            learner = _load(file.read())[1:]
        return _Coded(learner, np.asarray(columns))

    def _calibrate(self, space: Workspace, codes: np.ndarray, labeled: np.ndarray):
        """On predictions of labels by models that did not see them: the model that is frozen is too sure of its own."""
        n_classes = len(space.labels.classes)
        seed = engine.integer_seed(space.seed, "calibration")
        learner = self.source.configuration["learner"]
        proba = engine.out_of_fold(learner, space.X, labeled, codes[labeled], n_classes, seed)
        calibrator = engine.fit_calibrator(proba, codes[labeled], "temperature")
        found = {}
        for name, values in (("before", proba), ("after", calibrator.apply(proba))):
            correct = values.argmax(axis=1) == codes[labeled]
            found[name] = engine.reliability(values.max(axis=1), correct)
        return calibrator, found

    # --- Decide

    @cached_property
    def scores(self) -> pd.DataFrame:
        with self.audit.scores.open("rb") as file:
            return pd.read_parquet(BytesIO(file.read()))

    def _decide(self) -> None:
        """Hold the answers against the frozen predictions, in the fixed order of the plan."""
        self._move(Phase.EVALUATING)
        plan = engine.AuditPlan.from_json(self.audit.plan)
        frame, sample = self.scores, np.asarray(plan.sample, dtype=np.int64)
        items = frame["item_id"].to_numpy()[sample]
        truth = self._answers(items)
        said = frame["label"].to_numpy()[sample]
        # A check that nobody could answer counts as an error: to leave it out would favour the easy ones.
        correct = np.array([truth.get(item) == label for item, label in zip(items.tolist(), said.tolist(), strict=True)])
        decision = engine.decide(plan, frame["confidence"].to_numpy(), correct)
        unanswered = sum(item not in truth for item in items.tolist())
        stored = decision.to_json() | {"n_wrong": int((~correct).sum()), "n_checked": len(correct), "unanswered": unanswered}
        with self._commit():
            Audit.objects.filter(run=self.run, decision__isnull=True).update(decision=stored, decided_at=timezone.now())
            log(self.run, f"{len(correct):,} checks are answered, {stored['n_wrong']:,} of them differ from the model.")
        if not decision.accepted:
            text = f"Refused: an accuracy of {self.configuration['accuracy']:g} is not proven for any part of the items."
            self._finish(text, Run.Status.FINISHED)

    def _answers(self, items: np.ndarray) -> dict[int, int]:
        found = Verdict.objects.filter(project_id=self.run.project_id, current=True).exclude(source=Verdict.Source.MODEL)
        return dict(found.filter(item__in=items.tolist()).values_list("item_id", "value"))

    # --- Write

    def _apply(self) -> None:
        """The labels, and the most uncertain of the rest into the queue: one transaction, all of it or nothing."""
        self._move(Phase.LABELING)
        audit, frame = self.audit, self.scores
        threshold = audit.decision["threshold"]
        confidence = frame["confidence"].to_numpy()
        mine = confidence >= threshold
        mine[audit.plan["sample"]] = False  # checked: people have the word, also where none came
        promise = {"accuracy": self.configuration["accuracy"], "certainty": self.configuration["certainty"]}
        source_round = ModelFile.objects.get(trial__run=self.source).round_number
        with self._commit():
            taken = set(Verdict.objects.filter(project_id=self.run.project_id, current=True).values_list("item_id", flat=True))
            free = np.array([item not in taken for item in frame["item_id"].tolist()])
            chosen = frame[mine & free]
            now = timezone.now()
            rows = (
                Verdict(
                    project_id=self.run.project_id, item_id=item, value=label, source=Verdict.Source.MODEL,
                    probability=probability, run=self.run, round_number=source_round, created_at=now, **promise,
                )
                for item, label, probability in chosen.itertuples(index=False, name=None)
            )  # fmt: skip
            Verdict.objects.bulk_create(rows, batch_size=_BATCH)
            returned = self._return(frame[~mine & free])
            counts = {"applied_at": now, "n_labeled": len(chosen), "n_returned": returned}
            Audit.objects.filter(run=self.run).update(**counts)
            text = f"{len(chosen):,} items are labelled by the model, at an accuracy of at least {promise['accuracy']:g}."
            self._end(text, Run.Status.FINISHED)

    def _return(self, rest: pd.DataFrame) -> int:
        """Back to people, most uncertain first."""
        rest = rest.sort_values("confidence", kind="stable").head(RETURNED)
        asks = [
            Ask(item, rank, Purpose.QUERY, "least_confidence", score=1 - confidence)
            for rank, (item, _, confidence) in enumerate(rest.itertuples(index=False, name=None), 1)
        ]
        queries.ask(self.run.project, self.trial, 1, asks, wanted=self.run.project.annotators_per_item)
        return len(asks)

    # --- The end

    def _finish(self, reason: str, status: str) -> None:
        with self._commit():
            queries.withdraw_all(self.trial)
            self._end(reason, status)

    def _end(self, reason: str, status: str) -> None:
        self._move(Phase.FINISHED, reason)
        over = {"status": status, "stop_reason": reason, "finished_at": timezone.now()}
        Run.objects.filter(pk=self.run.pk).update(**over)
        self.run.status = status
        log(self.run, reason)
        tell(self.run, "run_finished", f"is over. {reason}")


class _Coded:
    """A model whose columns are named by class codes."""

    def __init__(self, learner, classes: np.ndarray) -> None:
        self.learner, self.classes_ = learner, classes

    def predict_proba(self, rows) -> np.ndarray:
        return self.learner.predict_proba(rows)


def _load(data: bytes):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.skops"
        path.write_bytes(data)
        return engine.load(path)
