import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from learning.engine import FeatureError, SettingsError, features
from learning.engine.features.images import HogFeatures, ImageError, PixelFeatures, read_image
from learning.engine.store import build

GRADIENT = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (32, 1))


def encoded(image: Image.Image, kind: str = "PNG", **kwargs) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **kwargs)
    return buffer.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is huge."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b""))
    )
    return b"\x89PNG\r\n\x1a\n" + chunks


def test_every_way_to_give_an_image_gives_the_same(tmp_path):
    image = Image.fromarray(GRADIENT)
    path = tmp_path / "a.png"
    image.save(path)
    ways = [
        GRADIENT,
        image,
        encoded(image),
        io.BytesIO(encoded(image)),
        path,
        str(path),
        GRADIENT / 255,
        np.dstack([GRADIENT] * 3),
    ]
    X = PixelFeatures(16).fit([]).transform(ways)
    assert X.shape == (len(ways), 256) and X.dtype == np.float32
    assert np.all(np.abs(X - X[0]) < 0.005) and X.min() >= 0 and X.max() <= 1


def test_an_open_file_can_be_read_twice():
    file = io.BytesIO(encoded(Image.fromarray(GRADIENT)))
    assert np.array_equal(read_image(file, 8, False), read_image(file, 8, False))


def test_exif_orientation_is_honoured():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees
    turned = read_image(encoded(Image.fromarray(GRADIENT), exif=exif), 32, False)
    assert np.allclose(turned, np.rot90(GRADIENT / 255, -1), atol=0.01)


def test_transparency_lies_on_white_and_sixteen_bits_keep_their_range():
    clear = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    assert read_image(encoded(clear), 4, True).min() == 1
    deep = np.full((4, 4), 32768, dtype=np.uint16)
    assert read_image(encoded(Image.fromarray(deep)), 4, False) == pytest.approx(np.full((4, 4), 0.5), abs=0.01)
    assert read_image(deep, 4, False) == pytest.approx(np.full((4, 4), 0.5), abs=0.01)


def test_colour_has_three_channels():
    red = Image.new("RGB", (5, 5), "red")
    assert read_image(red, 2, True)[0, 0].tolist() == [1, 0, 0]
    assert PixelFeatures(4, color=True).transform([red]).shape == (1, 48)


@pytest.mark.parametrize("size", [(40_000, 40_000), (9000, 9000)])
def test_a_bomb_is_refused_before_it_is_unpacked(size):
    with pytest.raises(ImageError, match="too large"):
        read_image(bomb(*size), 8, False)


@pytest.mark.parametrize("junk", [b"not an image", b"", 5, None, np.zeros((2, 2, 7)), "/no/such/file.png"])
def test_what_is_no_image_is_named(junk):
    with pytest.raises(ImageError, match=r"^Image .*: "):
        PixelFeatures(8).transform([GRADIENT, junk])


def test_a_truncated_image_is_refused():
    with pytest.raises(ImageError):
        read_image(encoded(Image.effect_noise((64, 64), 50))[:-500], 8, False)


def test_unreadable_items_are_a_fault_of_the_data_for_the_engine():
    with pytest.raises(FeatureError, match="Image number 2"):
        build({"name": "pixels"}, [GRADIENT, b"junk"], np.arange(2), 0)


def test_hog_sees_the_direction_of_edges_and_not_their_brightness():
    X = HogFeatures(32).transform([GRADIENT, GRADIENT.T, GRADIENT // 2])
    assert X.shape == (3, 324)
    assert np.linalg.norm(X[0] - X[2]) < 0.2 * np.linalg.norm(X[0] - X[1])


@pytest.mark.parametrize("transformer", [PixelFeatures(8), HogFeatures(16)])
def test_no_image_gives_no_row_of_the_same_width(transformer):
    assert transformer.transform([]).shape == (0, transformer.transform([GRADIENT]).shape[1])


def test_a_cell_larger_than_the_image_is_refused():
    with pytest.raises(SettingsError, match="at most the size of 16"):
        features.get("hog").build({"size": 16, "cell": 32}, 0)


def test_colours_count_and_shapes_do_not():
    def picture(color, corner):
        image = Image.new("RGB", (20, 20), "white")
        image.paste(color, (*corner, corner[0] + 8, corner[1] + 8))
        return image

    items = [picture("red", (0, 0)), picture("red", (12, 12)), picture("blue", (0, 0))]
    X, _ = build({"name": "color_histogram"}, items, np.arange(3), 0)
    assert X.shape == (3, 64) and X.dtype == np.float32
    similar = X @ X.T
    assert np.diagonal(similar) == pytest.approx(1, abs=1e-5)
    assert similar[0, 1] > 0.97 and similar[0, 2] < 0.95


def test_principal_components_are_fitted_on_the_pool_and_never_too_many():
    rng = np.random.default_rng(0)
    items = [rng.random((8, 8)) for _ in range(12)]
    for name in ("pixels", "hog", "color_histogram"):
        size = {"size": 16} if name != "pixels" else {"size": 8}
        X, transformer = build({"name": name, "pca": 500, **size}, items, np.arange(9), 0)
        assert X.shape == (12, 9) and X.dtype == np.float32
        assert X[:9].mean(axis=0) == pytest.approx(np.zeros(9), abs=1e-4)
        again, _ = build({"name": name, "pca": 500, **size}, items, np.arange(9), 0)
        assert np.array_equal(X, again) and len(transformer.steps) == 2


def test_embeddings_that_are_not_installed_say_how_to_get_them():
    try:
        import efficientnet_lite_pytorch  # noqa: F401
    except ImportError:
        with pytest.raises(FeatureError, match=r"pip install .\[embeddings\]"):
            build({"name": "image_embeddings"}, [GRADIENT, GRADIENT], np.arange(2), 0)
