"""The files that a run gives away. Each function returns (file name, content type, an iterable of bytes or a string)."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from django.core.serializers.json import DjangoJSONEncoder
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe
from django.utils.text import slugify

from learning import engine
from learning.analysis import results
from learning.models import ModelFile, Round, Run
from projects.exporting import export

Download = tuple[str, str, Iterable[bytes] | bytes]


class NothingYet(Exception):
    """The run has not made this file yet; the message says when it will."""


def stem(run: Run) -> str:
    return f"{slugify(run.project.name)[:40] or 'project'}-run-{run.pk}"


# --- Metrics


def round_rows(run: Run, rounds: Iterable[Round]) -> Iterator[dict]:
    """One flat row per round of the run: REST's `/rounds/` and the CSV. Rounds come with their trial."""
    names = results.names(run) if run.kind == Run.Kind.ANALYSIS else None
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
        if names is not None:
            flat |= {"learner": names["learners"][trial.learner], "features": names["features"][trial.features]}
        yield flat | {"created_at": row.created_at.isoformat()}


def metrics_csv(run: Run) -> Download:
    found = Round.objects.filter(trial__run=run).select_related("trial").order_by("trial_id", "number")
    # Of an analysis there may be a million: without the columns that no file shows.
    found = found.defer("asked", "batch", "confusion", "signals", "stopping", "trial__traceback")
    rows = list(round_rows(run, found.iterator(chunk_size=2000)))
    return f"{stem(run)}-metrics.csv", "text/csv; charset=utf-8", _csv(rows, ["trial", "round", "labels"])


# --- Analyses


def _analysis(run: Run) -> None:
    if run.kind != Run.Kind.ANALYSIS or run.status == Run.Status.DRAFT:
        raise NothingYet("Only an analysis that was started has this file.")


def summary_csv(run: Run) -> Download:
    """A row per strategy and batch size."""
    from learning.analysis.report_page import summary_rows

    _analysis(run)
    return f"{stem(run)}-summary.csv", "text/csv; charset=utf-8", _csv(summary_rows(run), ["strategy", "batch_size"])


def report_json(run: Run) -> Download:
    """What REST's `/report/` answers, as a file."""
    from learning.analysis.report import analysis_report

    _analysis(run)
    return f"{stem(run)}-report.json", "application/json", _json(analysis_report(run))


def report_html(run: Run) -> Download:
    """One file with everything in it: charts as SVG, its own style, no request to anywhere."""
    from learning.analysis.report_page import standalone

    _analysis(run)
    css = (Path(__file__).parent / "static" / "learning" / "analysis.css").read_text(encoding="utf-8")
    context = standalone(run) | {"css": mark_safe(css), "configuration": _json(run.configuration).decode()}  # noqa: S308 - our own
    text = render_to_string("learning/analysis/standalone.html", context)
    return f"{stem(run)}-report.html", "text/html; charset=utf-8", text.encode()


def _csv(rows: list[dict], default: list[str]) -> bytes:
    columns = list(dict.fromkeys(name for row in rows for name in row)) or default
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode()


# --- Data


def data_csv(run: Run) -> Download:
    """Every item of the run with what was imported, what people said, what the model says, and when and why it was asked.

    Streamed: a pool of a million rows passes through in chunks, with a fixed number of queries per chunk and none per row.
    """
    lines = export(run.project, "csv", run=run, extra=predictions(run), items=_items_of(run))
    return f"{stem(run)}-data.csv", "text/csv; charset=utf-8", lines


def _items_of(run: Run):
    from learning.configuration import run_items

    items = run_items(run.project, run.configuration.get("datasets", ())).order_by("pk")
    return items.filter(pk__lte=run.last_item_id) if run.last_item_id else items


class Predictions:
    """What the model says of an item, by item id: found in the sorted frame by bisection; nothing is copied."""

    def __init__(self, frame) -> None:
        frame = frame.sort_values("item_id")
        self.ids = frame["item_id"].to_numpy()
        self.split, self.label = frame["split"].to_numpy(), frame["prediction"].to_numpy()
        self.probability = frame["probability"].to_numpy()

    def get(self, item_id: int) -> dict | None:
        place = int(np.searchsorted(self.ids, item_id))
        if place == len(self.ids) or self.ids[place] != item_id:
            return None
        probability, value = float(self.probability[place]), self.label[place].tolist()  # a number, or a list of them
        return {"split": str(self.split[place]), "prediction": value, "prediction_probability": probability}


def predictions(run: Run) -> Predictions | dict:
    """For projects/exporting.py; empty while there is no model."""
    from learning.finishing import read_predictions

    trial = run.trials.first()
    frame = read_predictions(trial) if trial else None
    return {} if frame is None or frame.empty else Predictions(frame)


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
        archive.writestr("example.py", _example(kept.card))
        archive.writestr("requirements.txt", _requirements(run))
        archive.writestr("configuration.json", _json(run.configuration))
        if module := _module_of(run):
            archive.writestr(f"{module}.py", engine.module_source(module))
    return f"{stem(run)}-model.zip", "application/zip", buffer.getvalue()


def _module_of(run: Run) -> str:
    """What must lie beside the model."""
    name = run.configuration["features"]["name"]
    return getattr(engine.features.get(name), "module", "") if name in engine.features else ""


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


def _example(card: str) -> str:
    """The usage example of the model card, as a file that can be run."""
    found = re.search(r"```python\n(.*?)```", card, re.DOTALL)
    return found.group(1) if found else ""


# --- Responses

DOWNLOADS: dict[str, Callable[[Run], Download]] = {
    "metrics.csv": metrics_csv,
    "data.csv": data_csv,
    "model.skops": model_file,
    "model-card.md": model_card,
    "bundle.zip": bundle,
    "configuration.json": configuration_json,
    "summary.csv": summary_csv,
    "report.json": report_json,
    "report.html": report_html,
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
