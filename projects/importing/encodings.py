"""Which encoding a file has. Nothing is ever replaced or dropped: bytes that do not fit are an error with their place."""

import codecs
from typing import BinaryIO

from charset_normalizer import from_bytes

from projects.importing.errors import ImportRefused

_CHUNK = 1 << 20
_SAMPLE = 1 << 16
_BOMS = [(codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")]
# Guesses of western single-byte encodings differ in letters that hardly occur; Windows' is the one that people have.
_WESTERN = {"cp1250", "cp1252", "cp1254", "cp1257", "cp437", "cp775", "cp850", "cp858", "hp_roman8", "mac_roman", "mac_latin2"}
_WESTERN |= {
    "latin_1",
    "iso8859_2",
    "iso8859_3",
    "iso8859_4",
    "iso8859_9",
    "iso8859_10",
    "iso8859_13",
    "iso8859_14",
    "iso8859_15",
}
_WESTERN |= {"iso8859_16", "mac_iceland", "mac_turkish", "cp1258", "cp852"}


def detect(file: BinaryIO) -> tuple[str, bool]:
    """(encoding, whether it is certain): the whole file is read once, in chunks. Anything but UTF-8 and UTF-16 is a guess."""
    file.seek(0)
    head = file.read(4)
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name, True
    place = _first_bad_byte(file, "utf-8")
    if place is None:
        return "utf-8", True
    file.seek(max(0, place - _SAMPLE // 2))
    best = from_bytes(file.read(_SAMPLE)).best()
    guess = best.encoding if best else "cp1252"
    if guess in _WESTERN:
        guess = "cp1252" if _first_bad_byte(file, "cp1252") is None else "latin_1"
    return guess, False


def check(file: BinaryIO, encoding: str) -> None:
    """Raise ImportRefused unless the whole file can be read in this encoding."""
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise ImportRefused(
            f"There is no encoding {encoding!r}. Common ones: utf-8, cp1252, latin-1, utf-16.", "encoding"
        ) from None
    if (place := _first_bad_byte(file, encoding)) is not None:
        raise ImportRefused(f"The file is not {encoding}: byte {place + 1:,} does not fit. Choose another encoding.", "encoding")


def _first_bad_byte(file: BinaryIO, encoding: str) -> int | None:
    file.seek(0)
    decoder, done = codecs.getincrementaldecoder(encoding)(), 0
    while True:
        chunk = file.read(_CHUNK)
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(chunk, final=not chunk)
        except UnicodeError as error:
            return done - pending + getattr(error, "start", 0)
        if not chunk:
            return None
        done += len(chunk)
