"""Files as people have them: what is imported, what is left out and why, and that nothing is half imported."""

import csv
import io
import json
import stat
import zipfile

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import TestCase
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from projects import jobs, leases
from projects.importing import ImportRefused, begin, preview, receive, retry
from projects.models import Dataset, Item, Project

pytestmark = pytest.mark.django_db


@pytest.fixture
def fresh(db) -> Project:
    """A project without labels."""
    return Project.objects.create(name="Import", modality="text")


def load(project: Project, content: bytes | str, name: str = "data.csv", labels: str = "", **choices) -> Dataset:
    """Upload, choose, import; the data set as it is then."""
    content = content.encode() if isinstance(content, str) else content
    labels_file = ContentFile(labels.encode(), name="labels.csv") if labels else None
    dataset = receive(project, None, ContentFile(content, name=name), labels_file)
    with TestCase.captureOnCommitCallbacks(execute=False):
        begin(dataset, choices)
    jobs.import_dataset(dataset.pk)
    dataset.refresh_from_db()
    return dataset


def reasons(dataset: Dataset) -> dict[int, str]:
    return {error["row"]: error["error"] for error in dataset.errors}


def names(project: Project) -> dict:
    """key -> (content, label's name)"""
    labels = dict(project.labels.values_list("pk", "name"))
    return {i.key: (i.content, labels.get(i.known)) for i in project.items.all()}


def test_a_partly_labelled_file_brings_items_labels_and_verdicts(fresh):
    dataset = load(fresh, "id,text,label\na,one,x\nb,two,\nc,three,y\n")
    assert (dataset.status, dataset.rows, dataset.imported, dataset.labeled, dataset.skipped) == ("finished", 3, 3, 2, 0)
    assert names(fresh) == {"a": ("one", "x"), "b": ("two", None), "c": ("three", "y")}
    assert list(fresh.verdicts.order_by("item__key").values_list("item__key", "source")) == [("a", "imported"), ("c", "imported")]


def test_unknown_labels_become_labels_with_a_colour_and_a_key(fresh):
    load(fresh, "text,label\none,7\ntwo,happy\n")
    assert list(fresh.labels.values_list("name", "hotkey")) == [("7", "7"), ("happy", "1")]
    assert all(color.startswith("#") for color in fresh.labels.values_list("color", flat=True))


@pytest.mark.parametrize(
    ("encoding", "read_as"), [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("latin-1", "cp1252")]
)
def test_letters_survive_whatever_the_encoding(fresh, encoding, read_as):
    text = "id,text,label\nl1,Le café était glacé,négatif\nl2,Schöne Grüße aus Köln,positif\nl3,El niño soñó,neutre\n"
    dataset = load(fresh, text.encode(encoding))
    assert dataset.mapping["encoding"] == read_as
    assert names(fresh)["l1"] == ("Le café était glacé", "négatif")


def test_an_encoding_that_was_guessed_is_said(fresh):
    dataset = receive(fresh, None, ContentFile("text\ncafé à la crème, déjà vu\n".encode("latin-1"), name="x.csv"))
    assert "not UTF-8" in preview(dataset).notes[0]


def test_the_wrong_encoding_is_refused_with_the_place(fresh):
    dataset = receive(fresh, None, ContentFile("text\ncafé\n".encode("latin-1"), name="x.csv"))
    with pytest.raises(ImportRefused, match="byte 9 does not fit") as refused:
        begin(dataset, {"encoding": "utf-8"})
    assert refused.value.field == "encoding"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_although_texts_hold_the_others(fresh, delimiter):
    rows = [["id", "text", "label"], ["1", "Bon, simple; rapide", "x"], ["2", "12,50 € | le plat", "y"], ["3", "a\tb, c", "x"]]
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    load(fresh, out.getvalue())
    assert [i.content for i in fresh.items.all()] == [row[1] for row in rows[1:]]


def test_line_breaks_inside_quotes_stay_byte_for_byte(fresh):
    load(fresh, 'id,text\r\nq1,"First\r\nsecond\n\nfourth"\r\nq2,"He said ""go"", and left"\r\n')
    assert names(fresh)["q1"][0] == "First\r\nsecond\n\nfourth" and names(fresh)["q2"][0] == 'He said "go", and left'


def test_header_names_are_trimmed_and_found_by_meaning(fresh):
    dataset = load(fresh, "Identifier,Sentence, Class \nm1,Hello,greeting\n")
    assert (dataset.mapping["text_column"], dataset.mapping["label_column"]) == ("Sentence", "Class")
    assert names(fresh) == {"m1": ("Hello", "greeting")}


def test_clashing_keys_are_named_and_the_first_one_kept(fresh):
    dataset = load(fresh, "id,text,label\nm1,one,x\nm2,two,y\nm1,one,x\nm2,other,y\n m1 ,third,x\n")
    assert reasons(dataset) == {
        4: "repeats row 2 word for word",
        5: "has the key of row 3, and other content",
        6: "has the key of row 2, and other content",
    }
    assert names(fresh) == {"m1": ("one", "x"), "m2": ("two", "y")}


def test_an_item_of_the_project_is_never_overwritten(fresh):
    load(fresh, "id,text\na,first\n")
    dataset = load(fresh, "id,text\na,second\nb,new\n", name="more.csv")
    assert (dataset.imported, dataset.skipped) == (1, 1) and "has already" in reasons(dataset)[2]
    assert names(fresh)["a"][0] == "first"


def test_labels_of_rows_that_are_left_out_are_no_labels_of_the_project(fresh):
    load(fresh, "id,text,label\n1,one,ham\n2,two,spam\n")
    dataset = load(fresh, "id,text,label\n1,one,HAM\n2,two,spma\n3,three,eggs\n4,four,ham\n")
    assert (dataset.imported, dataset.skipped) == (2, 2)
    assert list(fresh.labels.order_by("position").values_list("name", flat=True)) == ["ham", "spam", "eggs"]


def test_a_column_that_rows_name_late_is_a_column(db):
    table = Project.objects.create(name="Late", modality="table")
    lines = [json.dumps({"id": i, "a": i} | ({"late": i, "label": "x"} if i >= 250 else {})) for i in range(300)]
    dataset = load(table, "\n".join(lines), "late.jsonl")
    assert dataset.mapping["columns"] == ["a", "late"] and dataset.labeled == 50


def test_blank_rows_and_blank_looking_texts_are_left_out_and_counted(fresh):
    dataset = load(fresh, "id,text,label\n\n,,\n   ,  ,\ne1,,x\ne2,\u00a0\u200b ,x\ne3,kept,\n")
    assert dataset.rows == 6 and dataset.imported == 1
    assert reasons(dataset) == {2: "is blank", 3: "is blank", 4: "is blank", 5: "is empty", 6: "is empty"}


def test_every_row_left_out_is_in_the_report(fresh):
    dataset = load(fresh, "id,text\n" + "".join(f"k{i},\n" for i in range(250)) + "good,text\n")
    rows = list(csv.DictReader(io.StringIO(dataset.report.read().decode())))
    assert len(rows) == dataset.skipped == 250 and len(dataset.errors) == 100
    assert rows[0] == {"row": "2", "key": "k0", "field": "text", "reason": "is empty"}


def test_a_text_over_the_limit_and_a_nul_are_named_with_their_line(fresh):
    dataset = load(fresh, f"id,text\na,{'x' * 1_000_001}\nb,ok\nc,n\0l\n")
    assert "1,000,001 characters" in reasons(dataset)[2] and "NUL" in reasons(dataset)[4] and dataset.imported == 1


def test_a_row_with_too_many_cells_is_left_out_with_a_hint(fresh):
    dataset = load(fresh, "id,text,label\na,Hello, world,x\nb,fine,x\n")
    assert "has 4 cells, the first line 3" in reasons(dataset)[2] and dataset.imported == 1


def test_formula_like_cells_are_imported_unchanged(fresh):
    load(fresh, "id,text,label\nf1,=1+1,=cmd\nf2,-3 degrees,@home\n")
    assert names(fresh) == {"f1": ("=1+1", "=cmd"), "f2": ("-3 degrees", "@home")}


def test_json_lines_and_plain_text(fresh):
    dataset = load(fresh, '{"id": 1, "text": "one", "label": "x"}\nnot json\n{"id": 2, "text": "two"}\n', name="d.jsonl")
    assert names(fresh) == {"1": ("one", "x"), "2": ("two", None)} and "is not JSON" in reasons(dataset)[2]
    load(fresh, "first line\n\nsecond line\n", name="plain.txt")
    assert {"first line", "second line"} <= set(fresh.items.values_list("content", flat=True))


def test_other_columns_are_kept_as_metadata(fresh):
    load(fresh, "id,text,split\na,one,train\n")
    assert fresh.items.get().metadata == {"split": "train"}


def test_table_rows_keep_their_columns_and_their_order():
    project = Project.objects.create(name="Table", modality="table")
    load(project, "size,colour,label\n1.5,red,a\n,blue,b\n")
    assert [json.loads(i.content) for i in project.items.all()] == [
        {"size": "1.5", "colour": "red"},
        {"size": "", "colour": "blue"},
    ]
    assert list(project.labels.values_list("name", flat=True)) == ["a", "b"]


def test_too_many_labels_mean_the_wrong_column_and_nothing_is_imported(fresh):
    dataset = load(fresh, "text,label\n" + "".join(f"t{i},l{i}\n" for i in range(1100)))
    assert dataset.status == "failed" and "right column" in dataset.message
    assert not fresh.items.exists() and not fresh.labels.exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.csv", b"", "is empty"),
        ("blank.csv", b"\n\n", "is empty"),
        ("head.csv", b"id,text\n", "no rows"),
        ("twice.csv", b"text,text\na,b\n", "names a column twice"),
        ("book.xlsx", b"PK\x03\x04", "save the sheet as CSV"),
        ("data.exe", b"MZ", "none of"),
        ("list.json", b"[1, 2]", "JSON object"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_at_once_and_leaves_nothing(fresh, name, content, words):
    with pytest.raises(ImportRefused, match=words):
        receive(fresh, None, ContentFile(content, name=name))
    assert not Dataset.objects.exists()


def test_a_column_that_is_not_there_is_refused_with_the_ones_that_are(fresh):
    dataset = receive(fresh, None, ContentFile(b"id,text\na,b\n", name="x.csv"))
    with pytest.raises(ImportRefused, match="The columns are: 'id', 'text'"):
        begin(dataset, {"label_column": "klass"})
    assert Dataset.objects.get().status == "draft"


# --- Pictures


def picture(size=(8, 8), kind="PNG", color=0) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", size, color).save(buffer, kind)
    return buffer.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def images(db) -> Project:
    return Project.objects.create(name="Pictures", modality="image")


def test_labels_beside_pictures_may_be_json_lines(images):
    content = zipped({"1.png": picture(), "2.png": picture(color=9)})
    lines = '{"file": "1.png", "label": "cat"}\n{"file": "2.png", "label": "dog"}\n'
    dataset = receive(images, None, ContentFile(content, name="p.zip"), ContentFile(lines.encode(), name="labels.jsonl"))
    begin(dataset, {})
    jobs.import_dataset(dataset.pk)
    assert {name: label for name, (_, label) in names(images).items()} == {"1.png": "cat", "2.png": "dog"}


def test_pictures_with_a_csv_of_labels(images):
    content = zipped({"a/1.png": picture(color=1), "a/2.jpg": picture(kind="JPEG"), "a/3.tif": picture(kind="TIFF")})
    dataset = load(images, content, name="p.zip", labels="file,label\na/1.png,cat\n2.jpg,dog\nmissing.png,cat\n")
    assert {key: label for key, (_, label) in names(images).items()} == {"a/1.png": "cat", "a/2.jpg": "dog", "a/3.tif": None}
    assert (dataset.imported, dataset.skipped) == (3, 1) and "not in the zip" in dataset.errors[0]["error"]
    contents = dict(images.items.values_list("key", "content"))
    assert contents["a/3.tif"].endswith(".png") and default_storage.open(contents["a/1.png"]).read() == picture(color=1)


def test_folders_can_be_labels(images):
    content = zipped({"cat/1.png": picture(), "dog/2.png": picture(color=9)})
    load(images, content, name="p.zip", folder_labels=True)
    assert {key: label for key, (_, label) in names(images).items()} == {"cat/1.png": "cat", "dog/2.png": "dog"}


def test_a_zip_that_is_cut_off_is_refused(images):
    content = zipped({"1.png": picture(), "2.png": picture(color=3)})
    with pytest.raises(ImportRefused, match="incomplete"):
        receive(images, None, ContentFile(content[: len(content) // 2], name="p.zip"))


def test_names_that_point_outside_and_links_are_never_unpacked(images, tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ["good.png", "../up.png", "/abs.png", "..\\back.png", "C:\\drive.png", "sub/../../mixed.png"]:
            archive.writestr(zipfile.ZipInfo(name), picture())
        link = zipfile.ZipInfo("link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    dataset = load(images, buffer.getvalue(), name="p.zip")
    assert list(images.items.values_list("key", flat=True)) == ["good.png"] and dataset.skipped == 6
    assert "symbolic link" in dataset.errors[-1]["error"]


def test_content_decides_what_a_picture_is_and_bombs_are_not_decoded(images):
    bomb = bytearray(picture((1, 1)))
    bomb[16:24] = (40_000).to_bytes(4, "big") * 2  # the size in the header of a PNG
    import zlib

    bomb[29:33] = zlib.crc32(bytes(bomb[12:29])).to_bytes(4, "big")
    content = zipped({"ok.png": picture(), "text.jpg": b"not a picture at all", "bomb.png": bytes(bomb)})
    dataset = load(images, content, name="p.zip")
    assert dataset.imported == 1
    assert [e["error"] for e in dataset.errors] == [
        "is no picture, whatever its name says",
        "has more than 50 million pixels, by its header; it was not decoded",
    ]


def test_pictures_of_a_failed_import_are_removed(images, monkeypatch):
    def fail(*args):
        raise ImportRefused("The disk is full.")

    monkeypatch.setattr(jobs, "insert_items", fail)
    dataset = load(images, zipped({"1.png": picture()}), name="p.zip")
    assert (dataset.status, dataset.message) == ("failed", "The disk is full.")
    assert not default_storage.exists(f"images/{images.pk}/{dataset.pk}")
    assert not images.items.exists()


# --- The job


def test_an_error_in_the_middle_leaves_nothing_and_says_so(fresh, monkeypatch):
    real = jobs.insert_items

    def half(dataset, found, ids):
        real(dataset, iter([next(found)]), ids)
        raise RuntimeError("power cut")

    monkeypatch.setattr(jobs, "insert_items", half)
    dataset = load(fresh, "id,text,label\na,one,x\nb,two,y\n")
    assert dataset.status == "failed" and "power cut" in dataset.message
    assert not Item.objects.exists() and not fresh.labels.exists()


def test_a_failed_import_can_be_chosen_anew(fresh):
    dataset = load(fresh, "text,label\n" + "".join(f"t{i},l{i}\n" for i in range(1100)))
    retry(dataset)
    begin(dataset, {"label_column": ""})
    jobs.import_dataset(dataset.pk)
    assert fresh.items.count() == 1100


@pytest.mark.django_db(transaction=True)
def test_an_import_whose_worker_died_is_taken_over(fresh):
    dataset = receive(fresh, None, ContentFile(b"id,text\na,one\n", name="x.csv"))
    begin(dataset)
    import django_rq

    django_rq.get_queue("imports").empty()
    Dataset.objects.filter(pk=dataset.pk).update(status="running", worker="dead", heartbeat_at="2020-01-01T00:00Z")
    assert jobs.recover() == 1 and jobs.recover() == 0
    jobs.import_dataset(dataset.pk)
    assert fresh.items.count() == 1
    jobs.import_dataset(dataset.pk)  # a job that comes twice finds nothing to do
    assert fresh.items.count() == 1


def test_a_worker_that_lost_its_lease_imports_nothing(fresh, monkeypatch):
    real = jobs.drop_keys_in_use

    def lose(project, plan):
        Dataset.objects.update(worker="somebody else")
        real(project, plan)

    monkeypatch.setattr(jobs, "drop_keys_in_use", lose)
    dataset = load(fresh, "id,text\na,one\n")
    assert dataset.status == "running" and not fresh.items.exists()
    assert leases.STALE_AFTER.total_seconds() < 30


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), st.sampled_from(["", "x", "y", " x "])),
        min_size=1,
        max_size=12,
    )
)
def test_every_row_is_an_item_or_is_named_with_its_reason(fresh, rows):
    """Whatever people write into a well-formed CSV: nothing is lost silently, and what is imported is unchanged."""
    Item.objects.all().delete()
    Dataset.objects.all().delete()
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["text", "label"])
    writer.writerows(rows)
    try:
        dataset = load(fresh, out.getvalue().encode(), delimiter=",")
    except ImportRefused:
        return
    assert dataset.imported + dataset.skipped == dataset.rows
    imported = list(fresh.items.values_list("content", flat=True))
    assert len(imported) == dataset.imported
    written = [text for text, _ in rows]
    assert all(content in written for content in imported)
