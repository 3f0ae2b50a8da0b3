"""The files that a run gives away. Each function returns (file name, content type, an iterable of bytes or a string)."""

import csv
import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.text import slugify

from annotation.models import Annotation, Query, Verdict
from learning.models import ModelFile, Round, Run
from projects.models import Item, Label
from projects.task_types import task_type

_CHUNK = 2000
Download = tuple[str, str, Iterable[bytes] | bytes]


class NothingYet(Exception):
    """The run has not made this file yet; the message says when it will."""


def stem(run: Run) -> str:
    return f"{slugify(run.project.name)[:40] or 'project'}-run-{run.pk}"


# --- Metrics


def round_rows(rounds: Iterable[Round]) -> Iterator[dict]:
    """One flat row per round: REST's `/rounds/` and the CSV. Rounds come with their trial."""
    for row in rounds:
        trial = row.trial
        flat = {
            "trial": trial.pk,
            "strategy": trial.strategy,
            "batch_size": trial.batch_size,
            "fold": trial.fold,
            "repeat": trial.repeat,
            "round": row.number,
            "labels": row.n_labeled,
            "pool": row.n_pool,
            "test": row.n_test,
        }
        for name, score in row.metrics.items():
            flat[name] = score["value"]
            if score.get("low") is not None:
                flat[f"{name}_low"], flat[f"{name}_high"] = score["low"], score["high"]
        for phase, seconds in row.timings.items():
            flat[f"seconds_{phase}"] = round(seconds, 6)
        yield flat | {"created_at": row.created_at.isoformat()}


def metrics_csv(run: Run) -> Download:
    rows = list(round_rows(Round.objects.filter(trial__run=run).select_related("trial").order_by("trial_id", "number")))
    columns = list(dict.fromkeys(name for row in rows for name in row)) or ["trial", "round", "labels"]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return f"{stem(run)}-metrics.csv", "text/csv; charset=utf-8", buffer.getvalue().encode()


# --- Data

_DATA_COLUMNS = [
    "key", "content", "imported_label", "label", "label_source", "people", "prediction", "probability", "split",
    "round_asked", "purpose",
]  # fmt: skip


def data_csv(run: Run) -> Download:
    """Every item of the run with what was imported, what people said, what the model says, and when it was asked.

    Streamed: a pool of a million rows passes through in chunks, with four queries per chunk and none per row.
    """
    return f"{stem(run)}-data.csv", "text/csv; charset=utf-8", _data_lines(run)


def _data_lines(run: Run) -> Iterator[bytes]:
    from learning.finishing import read_predictions

    trial = run.trials.first()
    names = dict(Label.objects.filter(project=run.project_id).values_list("pk", "name"))
    task = task_type(run.project.task)
    predictions = _Predictions(read_predictions(trial) if trial else None)
    yield _csv_lines([_DATA_COLUMNS])
    for items in _chunks(_items_of(run)):
        first, last = items[0].pk, items[-1].pk
        span = {"item_id__gte": first, "item_id__lte": last}
        answers: dict[int, list[str]] = defaultdict(list)
        said = Annotation.objects.filter(project=run.project_id, current=True, withdrawn_at=None, skipped=False, **span)
        for item_id, user, value in said.order_by("pk").values_list("item_id", "user__username", "value"):
            answers[item_id].append(f"{user}: {task.display(value, names)}")
        verdicts = {
            item_id: (value, source)
            for item_id, value, source in Verdict.objects.filter(project=run.project_id, current=True, **span).values_list(
                "item_id", "value", "source"
            )
        }
        asked = {}
        if trial:
            queries = trial.queries.exclude(status=Query.Status.WITHDRAWN).filter(**span)
            asked = {item_id: (n, purpose) for item_id, n, purpose in queries.values_list("item_id", "round_number", "purpose")}
        rows = []
        for item in items:
            value, source = verdicts.get(item.pk, (None, ""))
            split, prediction, probability = predictions.of(item.pk)
            round_asked, purpose = asked.get(item.pk, ("", ""))
            rows.append(
                [
                    item.key,
                    item.content,
                    task.display(item.known, names),
                    task.display(value, names),
                    source,
                    "; ".join(answers[item.pk]) if item.pk in answers else "",
                    "" if prediction is None else names.get(prediction, f"(label {prediction})"),
                    "" if probability is None else f"{probability:.6g}",
                    split,
                    round_asked,
                    purpose,
                ]  # fmt: skip
            )
        yield _csv_lines(rows)


def _items_of(run: Run):
    from learning.configuration import run_items

    items = run_items(run.project, run.configuration.get("datasets", ())).order_by("pk")
    return items.filter(pk__lte=run.last_item_id) if run.last_item_id else items


def _chunks(items) -> Iterator[list[Item]]:
    last = 0
    while chunk := list(items.filter(pk__gt=last)[:_CHUNK]):
        yield chunk
        last = chunk[-1].pk


class _Predictions:
    """Finds an item's row in the sorted frame by bisection; nothing is copied."""

    def __init__(self, frame) -> None:
        self.empty = frame is None or frame.empty
        if not self.empty:
            frame = frame.sort_values("item_id")
            self.ids = frame["item_id"].to_numpy()
            self.split, self.label = frame["split"].to_numpy(), frame["prediction"].to_numpy()
            self.probability = frame["probability"].to_numpy()

    def of(self, item_id: int) -> tuple[str, int | None, float | None]:
        if self.empty:
            return "", None, None
        place = int(np.searchsorted(self.ids, item_id))
        if place == len(self.ids) or self.ids[place] != item_id:
            return "", None, None
        return str(self.split[place]), int(self.label[place]), float(self.probability[place])


def _csv_lines(rows: Iterable[list]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode()


# --- Model


def _model_of(run: Run) -> ModelFile:
    kept = ModelFile.objects.filter(trial__run=run).first()
    if kept is None:
        over = Run.Status(run.status).is_over
        raise NothingYet(
            "This run ended without a model: it never had labels of two classes."
            if over
            else "The run has no model file yet: it is written when the run finishes, or when somebody stops it."
        )
    return kept


def model_file(run: Run) -> Download:
    kept = _model_of(run)
    return f"{stem(run)}.skops", "application/octet-stream", kept.file.open("rb")


def model_card(run: Run) -> Download:
    return f"{stem(run)}-card.md", "text/markdown; charset=utf-8", _model_of(run).card.encode()


def bundle(run: Run) -> Download:
    """Everything that is needed to use the model elsewhere, in one zip."""
    kept = _model_of(run)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive, kept.file.open("rb") as file:
        archive.writestr("model.skops", file.read())
        archive.writestr("README.md", kept.card)
        archive.writestr("example.py", _example(run))
        archive.writestr("requirements.txt", _requirements(run))
        archive.writestr("configuration.json", _json(run.configuration))
        for path in _own_code(run):
            archive.writestr(path, (Path(settings.BASE_DIR) / path).read_text("utf-8"))
    return f"{stem(run)}-model.zip", "application/zip", buffer.getvalue()


def configuration_json(run: Run) -> Download:
    body = {"kind": run.kind, "project": run.project_id, "name": run.name, "configuration": run.configuration}
    return f"{stem(run)}-configuration.json", "application/json", _json(body)


def _json(data: object) -> bytes:
    return (json.dumps(data, indent=2, ensure_ascii=False, cls=DjangoJSONEncoder) + "\n").encode()


def _requirements(run: Run) -> str:
    from importlib.metadata import version

    wanted = ["scikit-learn", "skops", "numpy", "scipy"]
    wanted += {"image": ["scikit-image", "pillow"], "table": ["pandas"]}.get(run.project.modality, [])
    return "".join(f"{name}=={run.versions.get(name) or version(name)}\n" for name in wanted)


def _own_code(run: Run) -> list[str]:
    """Image models contain transformers of ours: the bundle has their module at the path under which it is imported."""
    if run.project.modality != "image":
        return []
    return ["learning/__init__.py", "learning/engine/features/images.py"]


def _example(run: Run) -> str:
    inputs = {
        "text": '["a text to label", "another one"]',
        "image": '["picture.png", "another.png"]',
        "table": 'pandas.read_csv("rows.csv")',
    }[run.project.modality]
    first = "import pandas\nimport skops.io\n" if run.project.modality == "table" else "import skops.io\n"
    return (
        f"{first}\n"
        'trusted = skops.io.get_untrusted_types(file="model.skops")  # read this list before you trust it\n'
        'model = skops.io.load("model.skops", trusted=trusted)\n'
        f"items = {inputs}\n"
        "print(model.predict(items))\n"
        "print(model.predict_proba(items).max(axis=1))\n"
    )


# --- Responses

DOWNLOADS: dict[str, Callable[[Run], Download]] = {
    "metrics.csv": metrics_csv,
    "data.csv": data_csv,
    "model.skops": model_file,
    "model-card.md": model_card,
    "bundle.zip": bundle,
    "configuration.json": configuration_json,
}


def as_response(download: Download) -> HttpResponseBase:
    name, content_type, body = download
    if isinstance(body, bytes):
        response = HttpResponse(body, content_type=content_type)
    elif hasattr(body, "read"):
        response = FileResponse(body, content_type=content_type)  # in blocks, with its length, and closed at the end
    else:
        response = StreamingHttpResponse(body, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


__all__ = ["DOWNLOADS", "NothingYet", "as_response", "metrics_csv", "round_rows"]
