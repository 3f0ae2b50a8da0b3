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
from learning.engine.features import images

IMAGE_MODULE = "alambic_images"


def export(path: Path | str, transformer: Any, model: Any, class_names: list[str], card_info: dict[str, Any]) -> list[Path]:
    """Write the pipeline to `path`. Returns all files written: image models need `alambic_images.py`, which then lies beside.

    `class_names[code]` is what the pipeline predicts instead of the class code. Neither argument is changed.
    """
    import skops.io  # here and below: it takes long to import, and most processes never need it

    path = Path(path)
    skops.io.dump(assemble(transformer, model, class_names), path)
    if not isinstance(transformer, images._ImageTransformer):
        return [path]
    beside = path.with_name(f"{IMAGE_MODULE}.py")
    shutil.copyfile(images.__file__, beside)
    return [path, beside]


def image_module_source() -> str:
    """The text of `alambic_images.py`, without which an exported image model cannot be loaded."""
    return Path(images.__file__).read_text()


def assemble(transformer: Any, model: Any, class_names: list[str]) -> Pipeline:
    """Features and learner as one fitted pipeline whose classes are label names; in memory."""
    if len(set(class_names)) < len(class_names):
        raise EngineError("Two classes have the same name: the predictions of an exported model could not be told apart.")
    model = copy.deepcopy(model)
    steps = list(model.steps) if isinstance(model, Pipeline) else [("learner", model)]
    # Outside only: what a calibrated classifier holds inside goes on counting in codes, which its parts agree on.
    final = steps[-1][1]
    final.classes_ = np.asarray(class_names, dtype=str)[np.asarray(final.classes_, dtype=np.int64)]
    return Pipeline([("features", _portable(transformer)), *steps])


def _portable(transformer: Any) -> Any:
    """An image transformer of the stand-alone module, so that the file can be loaded without ALAMBIC; others as they are."""
    if not isinstance(transformer, images._ImageTransformer):
        return transformer
    twin = getattr(_image_module(), type(transformer).__name__)
    return twin(**transformer.get_params())


def _image_module() -> ModuleType:
    if IMAGE_MODULE not in sys.modules:
        spec = importlib.util.spec_from_file_location(IMAGE_MODULE, images.__file__)
        module = importlib.util.module_from_spec(spec)
        sys.modules[IMAGE_MODULE] = module
        spec.loader.exec_module(module)
    return sys.modules[IMAGE_MODULE]


def trusted_types(path: Path | str) -> list[str]:
    """The types in the file that skops wants to be told to trust, sorted."""
    import skops.io

    return sorted(skops.io.get_untrusted_types(file=Path(path)))


def load(path: Path | str) -> Pipeline:
    """The pipeline of a file that this site wrote: the types in it are trusted, so never call it on a file from outside."""
    import skops.io

    _image_module()
    return skops.io.load(Path(path), trusted=trusted_types(path))
