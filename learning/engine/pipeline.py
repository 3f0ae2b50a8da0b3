"""A trained model as one file: a scikit-learn pipeline from raw items to label names, in the skops format."""

import copy
import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from learning.engine.errors import EngineError
from learning.engine.features import embeddings, images

IMAGE_MODULE = "alambic_images"
# Modules that stand alone and are shipped beside a model whose features they make: name -> (module, the classes it is for).
STANDALONE = {
    IMAGE_MODULE: (images, images._ImageTransformer),
    "alambic_embeddings": (embeddings, embeddings.SentenceEmbeddings),
}


def export(path: Path | str, transformer: Any, model: Any, class_names: list[str], card_info: dict[str, Any]) -> list[Path]:
    """Write the pipeline to `path`. Returns all files written: models of images, or of sentence embeddings, need a module beside.

    `class_names[code]` is what the pipeline predicts instead of the class code. Neither argument is changed.
    """
    import skops.io  # here and below: it takes long to import, and most processes never need it

    path = Path(path)
    skops.io.dump(assemble(transformer, model, class_names), path)
    files = [path]
    for name in modules_needed(transformer):
        files.append(path.with_name(f"{name}.py"))
        shutil.copyfile(STANDALONE[name][0].__file__, files[-1])
    return files


def modules_needed(transformer: Any) -> list[str]:
    """The names of the modules without which an exported model with these features cannot be loaded."""
    steps = [step for _, step in transformer.steps] if isinstance(transformer, Pipeline) else [transformer]
    return [name for name, (_, kind) in STANDALONE.items() if any(isinstance(step, kind) for step in steps)]


def module_source(name: str) -> str:
    """The text of one of STANDALONE."""
    return Path(STANDALONE[name][0].__file__).read_text()


def assemble(transformer: Any, model: Any, class_names: list[str]) -> Pipeline:
    """Features and learner as one fitted pipeline whose classes are label names; in memory.

    Of a model of several labels per item its form as a scikit-learn estimator (see `multilabel.OneVsRest`).
    """
    if len(set(class_names)) < len(class_names):
        raise EngineError("Two classes have the same name: the predictions of an exported model could not be told apart.")
    if hasattr(model, "as_sklearn"):
        return Pipeline([("features", _portable(transformer)), ("learner", model.as_sklearn(class_names))])
    model = copy.deepcopy(model)
    steps = list(model.steps) if isinstance(model, Pipeline) else [("learner", model)]
    # Outside only: what a calibrated classifier holds inside goes on counting in codes, which its parts agree on.
    final = steps[-1][1]
    final.classes_ = np.asarray(class_names, dtype=str)[np.asarray(final.classes_, dtype=np.int64)]
    return Pipeline([("features", _portable(transformer)), *steps])


def _portable(transformer: Any) -> Any:
    """A transformer of ours from its stand-alone module, so that the file loads without ALAMBIC; others as they are."""
    if isinstance(transformer, Pipeline):
        return Pipeline([(name, _portable(step)) for name, step in transformer.steps])
    for name in modules_needed(transformer):
        return getattr(_module(name), type(transformer).__name__)(**transformer.get_params())
    return transformer


def _module(name: str) -> ModuleType:
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, STANDALONE[name][0].__file__)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


def trusted_types(path: Path | str) -> list[str]:
    """The types in the file that skops wants to be told to trust, sorted."""
    import skops.io

    return sorted(skops.io.get_untrusted_types(file=Path(path)))


def load(path: Path | str) -> Pipeline:
    """The pipeline of a file that this site wrote: the types in it are trusted, so never call it on a file from outside."""
    import skops.io

    for name in STANDALONE:
        _module(name)
    return skops.io.load(Path(path), trusted=trusted_types(path))
