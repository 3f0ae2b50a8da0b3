"""Damaged, hostile and odd files, and workers that die: a clear reason each time, nothing lost, nothing half done."""

import hashlib
import io
import random
import tracemalloc
import zipfile

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import TestCase
from PIL import Image

from projects import jobs, leases
from projects.importing import ImportRefused, begin, encodings, preview, receive
from projects.importing.receive import discard
from projects.models import Dataset, Project
from tests.projects.test_import import load, reasons

pytestmark = pytest.mark.django_db


@pytest.fixture
def fresh(db) -> Project:
    return Project.objects.create(name="Import", modality="text")


@pytest.fixture
def gallery(db) -> Project:
    return Project.objects.create(name="Pictures", modality="image")


def queued(project: Project, content: bytes | str, name: str = "data.csv", **choices) -> Dataset:
    content = content.encode() if isinstance(content, str) else content
    dataset = receive(project, None, ContentFile(content, name=name))
    with TestCase.captureOnCommitCallbacks(execute=False):
        begin(dataset, choices)
    return dataset


def png(red: int = 0, size: tuple[int, int] = (8, 8)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (red, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def damaged(archive: bytes, name: bytes) -> bytes:
    """The same zip with the packed bytes of one file overwritten."""
    data = bytearray(archive)
    start = data.index(name) + len(name) + 2
    for place in range(start, start + 50):
        data[place] ^= 0xFF
    return bytes(data)


def post(client, project: Project, **data):
    return client.post(f"/api/projects/{project.pk}/datasets/", data, format="multipart")


# --- Workers


def test_a_worker_that_waited_for_the_row_leaves_a_finished_import_alone(fresh, monkeypatch):
    dataset = queued(fresh, "text\na\nb\n")
    claim, waited = leases.claim, []

    def claim_late(row):
        """As where the holder's transaction blocks the heartbeat: it commits just before this claim succeeds."""
        if not waited:
            waited.append(True)
            jobs.import_dataset(dataset.pk)
        return claim(row)

    monkeypatch.setattr(leases, "claim", claim_late)
    jobs.import_dataset(dataset.pk)
    dataset.refresh_from_db()
    assert (dataset.status, dataset.imported, dataset.worker, fresh.items.count()) == ("finished", 2, "", 2)


def test_a_picture_that_a_killed_worker_wrote_in_part_is_written_again(gallery):
    dataset = queued(gallery, zipped({"1.png": png(1)}), "a.zip")
    digest = hashlib.sha256(png(1)).hexdigest()[:32]
    part = default_storage.save(f"images/{gallery.pk}/{dataset.pk}/{digest[:2]}/{digest}.png", ContentFile(png(1)[:20]))
    jobs.import_dataset(dataset.pk)
    with default_storage.open(gallery.items.get().content) as file:
        assert file.read() == png(1)
    assert gallery.items.get().content == part


def test_a_worker_that_lost_its_lease_leaves_the_pictures_of_the_next_one_alone(gallery):
    dataset = queued(gallery, zipped({"1.png": png(1)}), "a.zip")
    token = leases.claim(dataset)
    Dataset.objects.filter(pk=dataset.pk).update(worker="the next one")
    path = default_storage.save(f"images/{gallery.pk}/{dataset.pk}/aa/x.png", ContentFile(png(1)))
    jobs._fail(dataset, token, "too late")
    dataset.refresh_from_db()
    assert default_storage.exists(path) and dataset.status == "queued"


def test_removing_takes_no_file_of_an_import_that_was_queued_meanwhile(fresh):
    dataset = receive(fresh, None, ContentFile(b"text\na\n", name="a.csv"))
    Dataset.objects.filter(pk=dataset.pk).update(status="queued")
    with pytest.raises(ImportRefused):
        discard(dataset)
    assert default_storage.exists(dataset.file.name)


def test_removing_never_takes_items(fresh):
    dataset = load(fresh, "text\na\n")
    Dataset.objects.filter(pk=dataset.pk).update(status="failed")
    with pytest.raises(ImportRefused, match="in use"):
        discard(dataset)
    assert fresh.items.count() == 1


# --- Characters


@pytest.mark.parametrize("place", ["text", "id", "note"])
def test_half_a_character_leaves_out_its_row_alone(fresh, place):
    good = '{"id": "1", "text": "fine", "note": "n"}\n'
    bad = '{"id": "2", "text": "two", "note": "n"}\n'.replace({"text": "two", "id": "2", "note": '"n"'}[place], "\\ud800")
    bad = bad.replace('"note": \\ud800', '"note": "\\ud800"')
    dataset = load(fresh, good + bad, "a.jsonl")
    assert (dataset.status, dataset.imported, dataset.skipped) == ("finished", 1, 1)
    assert "half a character" in reasons(dataset)[2]


def test_a_nul_in_any_column_is_said(fresh):
    dataset = load(fresh, "text,note\na,x\0y\nb,z\n")
    assert (dataset.imported, dataset.errors[0]["field"]) == (1, "note") and "NUL" in reasons(dataset)[2]


def test_a_label_keeps_the_joiners_inside_it_and_loses_the_dust_around_it(fresh):
    load(fresh, "text,label\na,\u200b می\u200cخواهم\u00a0\n")
    assert fresh.labels.get().name == "می\u200cخواهم"


def test_a_label_is_one_line(fresh):
    dataset = load(fresh, 'text,label\na,"x\ny"\nb,z\n')
    assert [*fresh.labels.values_list("name", flat=True)] == ["z"] and "one line" in reasons(dataset)[2]


def test_a_backslash_u0000_in_words_is_no_nul(db):
    dataset = load(Project.objects.create(name="T", modality="table"), 'a,label\n"C:\\u0000",x\n')
    assert dataset.imported == 1


# --- Encodings


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Grüße aus Köln", "cp1252"), ("café déjà", "cp1252"), ("el niño soñó", "cp1252"), ("it’s “fine” – really", "cp1252"),
        ("dziękuję bardzo, było świetnie, koło łąki", "cp1250"), ("Привет, мир", "cp1251"), ("Καλημέρα κόσμε", "cp1253"),
        ("今日はとても良い天気ですね", "cp932"), ("안녕하세요", "cp949"), ("text,label\nabc,x", "utf-16-le"),
        ("text,label\nabc,x", "utf-16-be"),
    ],
)  # fmt: skip
def test_a_few_letters_among_much_ascii_are_read_right(text, encoding):
    rows = "".join(f"{i},{text},some label\n" for i in range(5))
    found, sure = encodings.detect(io.BytesIO(f"id,text,label\n{rows}".encode(encoding)))
    assert (found, sure) == (encoding, False)


def test_a_file_that_is_not_what_its_first_bytes_say_is_refused(fresh):
    with pytest.raises(ImportRefused, match="byte 15"):
        receive(fresh, None, ContentFile(b"\xef\xbb\xbftext\nabcdef\xff\n", name="a.csv"))


@pytest.mark.parametrize("name", ["base64", "zlib", "rot13", "hex", "utf-7", "unicode_escape", "idna", "a\0b", "é", "klingon"])
def test_an_encoding_that_no_file_has_is_400(api, manager, project, name):
    answer = post(api(manager), project, file=SimpleUploadedFile("a.csv", b"text\nabc\n"), encoding=name)
    assert (answer.status_code, list(answer.data)) == (400, ["encoding"])


def test_rest_says_that_the_encoding_was_guessed(api, manager, project):
    file = SimpleUploadedFile("a.csv", "text\ncafé déjà\n".encode("latin-1"))
    assert "cp1252" in post(api(manager), project, file=file).data["message"]


# --- Form


@pytest.mark.parametrize("delimiter", ['"', "\n", "\r", "ab"])
def test_a_delimiter_that_cannot_be_one_is_400(api, manager, project, delimiter):
    answer = post(api(manager), project, file=SimpleUploadedFile("a.csv", b"text,b\nabc,d\n"), delimiter=delimiter)
    assert (answer.status_code, list(answer.data)) == (400, ["delimiter"])


@pytest.mark.parametrize("before", [0, 1000])
def test_a_quote_that_is_never_closed_swallows_no_rows(fresh, before):
    content = "text,label\n" + "a,x\n" * before + '"b,y\nc,z\nd,w\n'
    if before == 0:  # seen at once; further down by the worker
        with pytest.raises(ImportRefused, match="line 2, at “b,y c,z d,w …”"):
            load(fresh, content)
    else:
        dataset = load(fresh, content)
        assert dataset.status == "failed" and "line 1,002" in dataset.message
    assert not fresh.items.exists()


def test_a_quote_closed_by_the_end_of_the_file_is_closed(fresh):
    assert load(fresh, 'text,label\n"a\nb","x"').imported == 1


def test_a_quote_that_takes_the_rest_of_a_large_file_takes_no_memory(fresh):
    content = ContentFile(b'text,label\n"never closed,' + b"some words here, more\n" * 2**20, name="a.csv")
    tracemalloc.start()
    with pytest.raises(ImportRefused, match="never closed"):
        receive(fresh, None, content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 120e6


def test_json_nested_without_end_is_a_row_that_is_left_out(fresh):
    dataset = load(fresh, '{"text": "fine"}\n' + "[" * 200_000, "a.jsonl")
    assert (dataset.imported, dataset.skipped) == (1, 1) and "nested" in reasons(dataset)[2]


def test_names_of_any_length_are_stored(fresh):
    assert load(fresh, "id,text\n1,a\n1,b\n", "é" * 245 + ".csv").skipped == 1


def test_a_file_without_one_good_row_names_them_all(manager, browse, project):
    dataset = load(project, "id,text\n1,\n2,\n")
    assert (dataset.status, dataset.rows, dataset.skipped, len(dataset.errors)) == ("failed", 2, 2, 2)
    page = browse(manager).get(f"/projects/{project.pk}/datasets/{dataset.pk}/").content.decode()
    assert f"/projects/{project.pk}/datasets/{dataset.pk}/report/" in page


# --- Columns


def test_the_learner_never_sees_the_label_whatever_was_ticked(db):
    project = Project.objects.create(name="T", modality="table")
    dataset = queued(project, "n,a,species\n1,2,x\n", label_column="species", key_column="n", columns=["n", "a", "species"])
    assert dataset.mapping["columns"] == ["a"]


def test_a_table_needs_a_column_to_learn_from(db):
    with pytest.raises(ImportRefused, match="at least one column"):
        load(Project.objects.create(name="T", modality="table"), "a,species\n1,x\n", columns=[])


def test_labels_and_keys_are_two_columns(fresh):
    with pytest.raises(ImportRefused, match="same column"):
        load(fresh, "id,text\n1,a\n", label_column="id", key_column="id")


def test_labels_that_are_all_different_are_doubted(fresh):
    dataset = queued(fresh, "text,label\n" + "".join(f"t{i},l{i}\n" for i in range(100)))
    assert "right column" in preview(dataset).notes[0]
    jobs.import_dataset(dataset.pk)
    dataset.refresh_from_db()
    assert dataset.status == "finished" and "100 different" in dataset.message


def test_labels_as_people_use_them_are_not_doubted(fresh):
    assert load(fresh, "text,label\n" + "".join(f"t{i},l{i % 77}\n" for i in range(400))).message == ""


# --- Archives


def test_a_damaged_picture_is_left_out_and_the_others_come_in(gallery):
    archive = damaged(zipped({"1.png": png(1, (300, 300)), "2.png": png(2, (300, 300))}), b"1.png")
    dataset = load(gallery, archive, "a.zip")
    assert [*gallery.items.values_list("key", flat=True)] == ["2.png"] and "damaged" in reasons(dataset)[1]


def test_a_damaged_list_of_labels_is_refused(gallery):
    words = bytes(random.Random(1).choices(range(65, 91), k=3000))
    with pytest.raises(ImportRefused, match="cannot be read"):
        receive(gallery, None, ContentFile(damaged(zipped({"l.csv": words, "1.png": png()}), b"l.csv"), name="a.zip"))


def test_a_list_of_labels_that_would_unpack_to_anything_is_refused_by_its_size(gallery):
    archive = zipped({"l.csv": b"file,label\n" + b"x" * (120 * 2**20), "1.png": png()})
    tracemalloc.start()
    with pytest.raises(ImportRefused, match="at most 100 MB"):
        receive(gallery, None, ContentFile(archive, name="a.zip"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6


@pytest.mark.parametrize(
    ("labels", "line", "reason", "labeled"),
    [
        ("1.png,cat\n", 2, "names 2 pictures in different folders", 0),
        ("a/1.png,cat\na/1.png,dog\n", 3, "says 'dog', line 2 says 'cat'", 1),
        ("2.png,cat\nc/2.png,cat\n", 3, "names the picture of line 2 again", 1),
        ("2.png,cat\nnone.png,cat\n", 3, "names a picture that is not in the zip", 1),
        (",cat\n2.png,dog\n", 2, "has no name of a picture", 1),
    ],
)
def test_no_line_of_the_labels_is_lost_without_a_word(gallery, labels, line, reason, labeled):
    archive = zipped({"a/1.png": png(1), "b/1.png": png(2), "c/2.png": png(3)})
    dataset = load(gallery, archive, "a.zip", labels="file,label\n" + labels)
    assert (dataset.imported, dataset.labeled) == (3, labeled)
    assert [error["row"] for error in dataset.errors] == [line] and reason in reasons(dataset)[line]


def test_two_lists_of_labels_are_a_question(gallery):
    with pytest.raises(ImportRefused, match="2 CSV files"):
        receive(gallery, None, ContentFile(zipped({"a.csv": b"file\n", "b.csv": b"file\n", "1.png": png()}), name="a.zip"))


def test_the_preview_shows_pictures_with_the_labels_they_would_get(gallery):
    archive = zipped({"cats/1.png": png(1), "dogs/2.png": png(2)})
    dataset = receive(gallery, None, ContentFile(archive, name="a.zip"))
    assert [row["cells"]["label"] for row in preview(dataset).rows] == ["", ""]
    assert [row["cells"]["label"] for row in preview(dataset, {"folder_labels": True}).rows] == ["cats", "dogs"]


def test_sixteen_bits_of_grey_stay_sixteen(gallery):
    picture, buffer = Image.new("I;16", (2, 1)), io.BytesIO()
    picture.putpixel((0, 0), 60_000)
    picture.putpixel((1, 0), 30_000)
    picture.save(buffer, "TIFF")
    load(gallery, zipped({"1.tif": buffer.getvalue()}), "a.zip")
    with default_storage.open(gallery.items.get().content) as file, Image.open(file) as shown:
        assert [shown.getpixel((0, 0)), shown.getpixel((1, 0))] == [60_000, 30_000]


# --- Anything


@pytest.mark.parametrize("kind", ["zip", "csv", "jsonl", "txt"])
def test_random_damage_is_never_an_unexpected_error(fresh, gallery, kind):
    pictures = zipped({"a/1.png": png(1), "l.csv": b"file,label\na/1.png,x\n", "b/é.png": png(2)})
    lines = {"csv": 'id,text,label\n1,"a ""q"" é",x\n2,b,\n', "jsonl": '{"id": 1, "text": "é"}\n{"text": "b"}\n', "txt": "é\nb\n"}
    for seed in range(40):
        rng = random.Random(seed)
        encoding = rng.choice(["utf-8", "utf-16", "latin-1", "utf-8-sig"])
        data = bytearray(pictures if kind == "zip" else lines[kind].encode(encoding))
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        project = gallery if kind == "zip" else fresh
        try:
            dataset = queued(project, bytes(data), f"a.{kind}")
        except ImportRefused:
            continue
        jobs.import_dataset(dataset.pk)
        dataset.refresh_from_db()
        assert not dataset.message.startswith("Unexpected"), (seed, dataset.message)
        project.items.all().delete()
