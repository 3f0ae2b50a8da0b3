"""Pictures out of a zip: judged by their content, measured by their header before anything is decoded, never unpacked by name."""

import hashlib
import io
import stat
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from PIL import Image, UnidentifiedImageError

from projects.importing.errors import ImportRefused
from projects.importing.limits import MAX_ARCHIVE_BYTES, MAX_PICTURE_BYTES, MAX_PIXELS, MAX_TABLE_BYTES

# Formats that browsers show are kept byte for byte; the others become PNG.
KEPT = {"PNG": "png", "JPEG": "jpg", "GIF": "gif", "WEBP": "webp"}
CONVERTED = {"BMP", "TIFF"}
_JUNK = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")


class BadPicture(ValueError):
    """This file of the archive is left out; the message says why."""


@dataclass(frozen=True, slots=True)
class Picture:
    data: bytes
    extension: str
    width: int
    height: int

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()[:32]


def open_archive(file) -> zipfile.ZipFile:
    """The zip, or ImportRefused where it is none, is cut off, or would unpack to more than is allowed."""
    file.seek(0)
    try:
        archive = zipfile.ZipFile(file)
    except Exception:  # noqa: BLE001 - a damaged directory makes zipfile raise anything
        file.seek(0)
        cut = file.read(4) == b"PK\x03\x04"
        text = (
            "The zip is damaged or incomplete: its list of files, at the end, cannot be read. Upload it again."
            if cut
            else "The file is no zip archive. Put the pictures into a zip."
        )
        raise ImportRefused(text, "file") from None
    total = sum(info.file_size for info in archive.infolist())
    if total > MAX_ARCHIVE_BYTES:
        limit = MAX_ARCHIVE_BYTES // 2**30
        raise ImportRefused(f"The zip would unpack to {total / 2**30:.1f} GB; at most {limit} GB are read.", "file")
    return archive


def members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The files of the archive in their order, without folders and without what operating systems leave in zips."""
    return [i for i in archive.infolist() if not i.is_dir() and not any(part in i.filename for part in _JUNK)]


def csv_members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    return [info for info in members(archive) if info.filename.lower().endswith((".csv", ".tsv"))]


def read_table(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """The CSV of labels; its size is read from the directory before anything is unpacked."""
    if info.file_size > MAX_TABLE_BYTES:
        size = f"{info.file_size / 2**20:,.0f} MB; at most {MAX_TABLE_BYTES // 2**20} MB are read"
        raise ImportRefused(f"The CSV “{info.filename}” in the zip has {size}.", "file")
    try:
        return archive.read(info)
    except Exception as error:  # noqa: BLE001 - as above
        text = f"The CSV “{info.filename}” in the zip cannot be read ({error}): make the zip again, without a password."
        raise ImportRefused(text, "file") from None


def pictures(archive: zipfile.ZipFile) -> Iterator[tuple[int, zipfile.ZipInfo]]:
    """(place in the archive from 1, entry) of everything that may be a picture."""
    tables = {info.filename for info in csv_members(archive)}
    return ((n, info) for n, info in enumerate(members(archive), 1) if info.filename not in tables)


def read_picture(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Picture:
    """The verified picture of an entry. Raises BadPicture."""
    check_name(info)
    if info.flag_bits & 1:
        raise BadPicture("is encrypted: make the zip without a password")
    if info.file_size > MAX_PICTURE_BYTES:
        raise BadPicture(f"is {info.file_size / 2**20:.0f} MB large; at most {MAX_PICTURE_BYTES // 2**20} MB are read")
    try:
        data = archive.read(info)
    except Exception as error:  # noqa: BLE001 - damaged bytes make the decompressors raise anything
        raise BadPicture(f"is damaged inside the zip ({error})") from None
    return verify(data)


def check_name(info: zipfile.ZipInfo) -> None:
    name = info.filename
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or (len(name) > 1 and name[1] == ":"):
        raise BadPicture("has a name that points outside the archive; it is never unpacked")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise BadPicture("is a symbolic link; links are not followed")


def verify(data: bytes) -> Picture:
    """Decoded once, so that what is stored is known to show. Raises BadPicture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own, lower limit follows at once
            image = Image.open(io.BytesIO(data))
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise BadPicture(f"has {width:,} x {height:,} pixels; at most {MAX_PIXELS / 1e6:.0f} million are read")
        if image.format not in KEPT and image.format not in CONVERTED:
            raise BadPicture(f"is a picture of the kind {image.format}; save it as PNG or JPEG")
        image.load()
    except BadPicture:
        raise
    except Image.DecompressionBombError:
        raise BadPicture(f"has more than {MAX_PIXELS / 1e6:.0f} million pixels, by its header; it was not decoded") from None
    except UnidentifiedImageError:
        raise BadPicture("is no picture, whatever its name says") from None
    except Exception as error:  # noqa: BLE001 - a broken picture makes the decoders raise anything
        raise BadPicture(f"is a damaged picture ({error})") from None
    if image.format in KEPT:
        return Picture(data, KEPT[image.format], width, height)
    buffer = io.BytesIO()
    if image.mode in {"F", "I"}:  # measurements, not shades: which of them is white, only their owner knows
        raise BadPicture("holds numbers of 32 bits, which have no agreed brightness; save it as PNG with 8 or 16 bits")
    if image.mode.startswith("I;16"):
        image.save(buffer, "PNG")  # PNG has 16 bits too; a conversion would cut off all but the darkest
    else:
        image.convert("RGBA" if "A" in image.getbands() else "RGB").save(buffer, "PNG")
    return Picture(buffer.getvalue(), "png", width, height)
