"""The registered image sets; what they do is in `images.py`, which is shipped with exported models."""

from typing import Any

from sklearn.base import BaseEstimator

from learning.engine.errors import SettingsError
from learning.engine.features.images import HogFeatures, PixelFeatures
from learning.engine.features.registry import FeatureSet, features
from learning.engine.parameters import Parameter


@features.register("hog")
class Hog(FeatureSet):
    """Histograms of oriented gradients (Dalal & Triggs 2005), dense float32."""

    label = "Edges (HOG)"
    help = "Directions of edges, cell by cell: shapes count, colours and light do not."
    modality = "image"
    parameters = (
        Parameter("size", "int", 64, minimum=16, maximum=512, label="Size", help="Pixels per side after resizing."),
        Parameter(
            "cell", "int", 8, minimum=4, maximum=64, label="Cell", help="Pixels per side of a cell; smaller sees finer detail."
        ),
        Parameter(
            "orientations", "int", 9, minimum=2, maximum=36, label="Directions", help="How many directions are told apart."
        ),
    )

    @classmethod
    def _build(cls, s: dict[str, Any], random_state: int, items: Any) -> BaseEstimator:
        if s["cell"] > s["size"]:
            raise SettingsError({"cell": f"Must be at most the size of {s['size']}; got {s['cell']}."})
        return HogFeatures(s["size"], s["cell"], s["orientations"])


@features.register("pixels")
class Pixels(FeatureSet):
    """Resized pixels in 0..1, dense float32."""

    label = "Pixels"
    help = "The image made small, pixel by pixel: for simple pictures that are all framed alike, such as digits."
    modality = "image"
    parameters = (
        Parameter("size", "int", 32, minimum=4, maximum=256, label="Size", help="Pixels per side after resizing."),
        Parameter("color", "bool", False, label="Colour", help="Three numbers per pixel instead of one."),
    )

    @classmethod
    def _build(cls, s: dict[str, Any], random_state: int, items: Any) -> BaseEstimator:
        return PixelFeatures(s["size"], s["color"])
