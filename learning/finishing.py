"""What a finished run leaves: the model as one scikit-learn pipeline that takes raw items, its card, and its predictions."""

import tempfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from learning import engine
from learning.models import ModelFile, Trial
from learning.targets import targets_of

if TYPE_CHECKING:
    from learning.loop import Loop


def keep_model(loop: "Loop", X, transformer, codes: np.ndarray, labeled: np.ndarray) -> ModelFile:
    """Write the model and the predictions to the storage; the row that names them is saved by the caller, in its transaction.

    A file whose row is never committed (a worker killed in between) is written again by the next worker under a new name.
    """
    names = dict(loop.run.project.labels.values_list("pk", "name"))
    class_names = [names.get(label, f"(label {label})") for label in loop.space.labels.classes]
    info = card_info(loop.trial, class_names)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.skops"
        engine.export(path, transformer, loop.model, class_names, info)
        card = engine.model_card(info | {"trusted_types": engine.trusted_types(path)})
        stem = f"models/run-{loop.run.pk}/model"
        model_name = default_storage.save(f"{stem}.skops", ContentFile(path.read_bytes()))
    predictions = default_storage.save(f"{stem}-predictions.parquet", ContentFile(_predictions(loop, X, labeled)))
    return ModelFile(
        trial=loop.trial,
        round_number=loop.trial.round_number,
        file=model_name,
        predictions=predictions,
        classes=loop.targets.classes_of(loop.model, loop.space.labels),
        card=card,
    )


def _predictions(loop: "Loop", X, labeled: np.ndarray) -> bytes:
    """One row per item of the run: its id, split, the predicted value in its stored form, and how sure it is."""
    labels = loop.space.labels
    stored, sure = loop.targets.predictions(labels, loop.targets.predict(loop.model, X, None, labels))
    split = np.where(~loop.space.in_pool, "test", np.where(labeled, "labeled", "pool"))
    frame = pd.DataFrame(
        {"item_id": loop.space.ids, "split": split, "prediction": stored, "probability": sure.astype(np.float32)}
    )
    buffer = BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def read_predictions(trial: Trial) -> pd.DataFrame | None:
    """The frame that `_predictions` wrote; None while the trial has no model."""
    kept = ModelFile.objects.filter(trial=trial).first()
    if kept is None:
        return None
    with kept.predictions.open("rb") as file:
        return pd.read_parquet(BytesIO(file.read()))


def card_info(trial: Trial, class_names: list[str]) -> dict:
    """The facts for the model card."""
    run, last = trial.run, trial.rounds.order_by("number").last()
    return {
        "name": run.name or f"{run.project.name}, run {run.pk}",
        "project": run.project.name,
        "description": run.project.description,
        "modality": run.project.modality,
        "classes": class_names,
        "several": not targets_of(run.project).one_class_each,
        "configuration": run.configuration,
        "metrics": last.metrics if last else {},
        "n_labeled": last.n_labeled if last else 0,
        "n_test": last.n_test if last else 0,
        "rounds": trial.round_number,
        "fingerprint": run.fingerprint,
        "versions": run.versions,
    }
