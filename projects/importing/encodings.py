"""Which encoding a file has. Nothing is ever replaced or dropped: bytes that do not fit are an error with their place."""

import codecs
import re
from typing import BinaryIO

from charset_normalizer import from_bytes

from projects.importing.errors import ImportRefused

# Python calls these encodings too; no file of data is in one of them, and some of them make characters that cannot be stored.
_NOT_OF_FILES = {"utf-7", "idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "unicode_escape"}
_NOT_OF_FILES |= {"raw_unicode_escape", "mbcs", "oem"}
_CHUNK = 1 << 20
_SAMPLE = 1 << 16
_BOMS = [(codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")]
# The encodings of other scripts that files of data have.
_OTHER_SCRIPTS = ["cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp932", "euc_jp", "gb18030", "big5", "cp949"]
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_HIGH_WORD = re.compile(rb"[^\s,;|\"]*[\x80-\xff][^\s,;|\"]*")
_INSIDE_WORD = re.compile(r"(?<=[a-z])[^\x00-\x7f](?=[a-z])")


def detect(file: BinaryIO) -> tuple[str, bool]:
    """(encoding, whether it is certain): the whole file is read, in chunks. Anything but UTF-8 and marked UTF-16 is a guess.

    Whatever is returned fits the whole file; ImportRefused where the file's own mark says what the rest of it is not.
    """
    file.seek(0)
    head = file.read(4096)
    for bom, name in _BOMS:
        if head.startswith(bom):
            if (place := _first_bad_byte(file, name)) is not None:
                text = f"The file begins as {name}, but its byte {place + 1:,} does not fit: it is damaged, or two files joined."
                raise ImportRefused(f"{text} Save it again as UTF-8.", "file")
            return name, True
    if (unmarked := _unmarked_utf16(head)) and _first_bad_byte(file, unmarked) is None:
        return unmarked, False
    place = _first_bad_byte(file, "utf-8")
    if place is None:
        return "utf-8", True
    file.seek(max(0, place - _SAMPLE // 2))
    guess = _guess(file.read(_SAMPLE))
    if _first_bad_byte(file, guess) is not None:
        guess = "cp1252" if _first_bad_byte(file, "cp1252") is None else "latin_1"
    return guess, False


def _guess(sample: bytes) -> str:
    """In Latin scripts a letter beyond ASCII stands alone among ASCII letters; in others they come in rows.

    That is asked first, because a detector of encodings takes a few accents among much ASCII for anything.
    """
    runs = _HIGH_RUN.findall(sample)
    if sum(map(len, runs)) < 1.7 * len(runs):
        return min(["cp1252", "cp1250"], key=lambda encoding: _strangers(sample, encoding))
    best = from_bytes(b" ".join(_HIGH_WORD.findall(sample)), cp_isolation=_OTHER_SCRIPTS).best()
    return best.encoding if best else "cp1252"


def _strangers(sample: bytes, encoding: str) -> int:
    """How many signs that are no letters (as in "ko\u00b3o") it would find inside words; the first of equals is taken."""
    found = _INSIDE_WORD.findall(sample.decode(encoding, "replace"))
    return sum(not sign.isalpha() for sign in found)


def check(file: BinaryIO, encoding: str) -> None:
    """Raise ImportRefused unless the whole file can be read in this encoding."""
    if not _is_of_files(encoding):
        raise ImportRefused(f"There is no encoding {encoding!r}. Common ones: utf-8, cp1252, latin-1, utf-16.", "encoding")
    if (place := _first_bad_byte(file, encoding)) is not None:
        raise ImportRefused(f"The file is not {encoding}: byte {place + 1:,} does not fit. Choose another encoding.", "encoding")


def _is_of_files(encoding: str) -> bool:
    """Whether it is a text encoding that Python knows (base64 and zip are "encodings" of bytes)."""
    try:
        b" ".decode(encoding, "ignore")  # not of nothing: that is not even looked at
        return codecs.lookup(encoding).name not in _NOT_OF_FILES
    except (LookupError, ValueError):
        return False


def _unmarked_utf16(head: bytes) -> str | None:
    """Every second byte of western text in UTF-16 is zero; in a text of any other encoding hardly one is."""
    even, odd, half = head[::2].count(0), head[1::2].count(0), len(head) / 2
    if odd > half * 0.4 and even < half * 0.1:
        return "utf-16-le"
    return "utf-16-be" if even > half * 0.4 and odd < half * 0.1 else None


def _first_bad_byte(file: BinaryIO, encoding: str) -> int | None:
    file.seek(0)
    if codecs.lookup(encoding).name == "utf-8-sig":
        encoding = "utf-8"  # the same bytes; the other one does not count its mark among them
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
