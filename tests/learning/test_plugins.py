"""Strategies of a site's own: from a file to the form, to the workers, and to a failed trial that says what was wrong."""

import importlib
import os
import re
import shlex
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import TestCase

from learning import actions, engine, plugins
from learning.jobs import advance, analyse_here
from learning.models import Run
from tests.learning.runs import fill
from tests.processes import database_url, start_worker, wait_until  # noqa: F401 - a fixture is used by its name

GUIDE = settings.BASE_DIR / "docs" / "how-to" / "write-a-strategy.md"
MINE = """
from learning.engine import Parameter


class Mine:
    name, label, help = "mine", "Mine alone", "Takes the last ones."
    parameters = (Parameter("skip", "int", 0, minimum=0, maximum=3, label="Skip so many", help="From the end."),)

    def __init__(self, skip=0):
        self.skip = skip

    def select(self, context, batch_size):
        return context.rng.permutation(context.candidates)[:batch_size]
"""
# Asks in the place of the web server that `make run` would start: the same settings from the same environment.
ASK_FOR_THE_FORM = """
import sys, django
django.setup()
from django.conf import settings
from django.test import Client
from projects.models import User
# Nobody has collected static files here.
settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
client = Client(SERVER_NAME="localhost")
client.force_login(User.objects.get(username="manager"))
response = client.get(sys.argv[1])
print(response.status_code)
print(response.content.decode())
"""


@pytest.fixture
def clean_imports(monkeypatch):
    """What a test imports from a folder of its own is gone after it."""
    monkeypatch.setattr(sys, "path", sys.path.copy())
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if Path(tempfile.gettempdir()) in Path(file).parents:
            del sys.modules[name]


@pytest.fixture
def house(tmp_path, monkeypatch, clean_imports, settings):
    """A folder that looks as ALAMBIC's own does to whoever types a command, with its `var` beside it."""
    settings.VAR_DIR = tmp_path / "var"
    (settings.VAR_DIR / "plugins").mkdir(parents=True)
    (tmp_path / "manage.py").symlink_to(settings.BASE_DIR / "manage.py")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def manage(*args: str) -> str:
    out = StringIO()
    call_command(*args, stdout=out, stderr=out)
    return out.getvalue()


def page_of(project, house: Path, environment: dict[str, str]) -> str:
    """The form of a new run, from a process that starts with these variables."""
    env = os.environ | {
        "DJANGO_SETTINGS_MODULE": "alambic_site.settings",
        "VAR_DIR": str(house / "var"),
        "DATABASE_URL": database_url(),
        "REDIS_URL": settings.REDIS_URL,
        **environment,
    }
    command = [sys.executable, "-c", ASK_FOR_THE_FORM, f"/projects/{project.pk}/runs/new/"]
    done = subprocess.run(command, env=env, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.startswith("200\n"), done.stderr
    return done.stdout


# --- The guide


@pytest.mark.django_db(transaction=True)
def test_the_guide_leads_from_nothing_to_the_form(house, project, manager):
    """Its files are written where it says, its commands typed in its order. But for `make run` the form is asked for, in a
    process with the same variables, and the checks are not timed."""
    fill(project, 60)
    text = GUIDE.read_text()
    steps = re.findall(r"`(var/plugins/\w+\.py)`:\n\n```python\n(.*?)```|^ *```sh\n(.*?)```", text, flags=re.S | re.M)
    assert len(steps) == 9
    shown = []
    for file, code, commands in steps:
        if file:
            assert not Path(file).exists()
            Path(file).write_text(code)
        for line in filter(None, map(str.strip, commands.splitlines())):
            words = shlex.split(line)
            if words[-2:] == ["make", "run"]:
                shown.append(page_of(project, house, dict(word.split("=", 1) for word in words[:-2])))
            else:
                assert words[:2] == [".venv/bin/python", "manage.py"]
                fast = ["--no-timing"] if len(words) > 3 and words[2] == "checkstrategy" else []
                assert "FAILED" not in manage(*words[2:], *fast)
    assert 'value="my_idea"' in shown[0] and "strategy.my_idea.density" in shown[0]
    for name, parameter in (("renyi", "order"), ("doubtful_and_different", "among")):
        assert f'value="{name}"' in shown[1] and f"strategy.{name}.{parameter}" in shown[1]
    assert 'value="my_idea"' not in shown[1]


def test_the_guide_explains_the_fields_that_there_are():
    fields = set(re.findall(r"^\| `context\.(\w+)", GUIDE.read_text(), flags=re.M))
    assert fields == set(engine.Context.__dataclass_fields__) - {"memo"}


# --- newstrategy, checkstrategy


def test_a_new_strategy_passes_its_checks_as_it_is_and_says_what_to_do_next(house):
    said = manage("newstrategy", "calm_items").splitlines()
    file = house / "var" / "plugins" / "calm_items.py"
    assert said[0] == f"Written: {file}" and len(said) == 4
    assert said[2].endswith("ALAMBIC_STRATEGIES=calm_items.CalmItems make run") and "PYTHONPATH" not in said[2]
    checked = manage("checkstrategy", str(file))
    assert "All checks passed." in checked and "note" not in checked
    assert re.search(r"1,000 candidates +[\d.e-]+ s in the first round", checked)
    assert re.search(r"a pool of 1,000,000 would take about \d", checked)


def test_a_folder_elsewhere_is_named_for_python(house):
    said = manage("newstrategy", "calm_items", "--folder", "own")
    assert (house / "own" / "calm_items.py").exists()
    assert f"PYTHONPATH={house / 'own'} ALAMBIC_STRATEGIES=calm_items.CalmItems make run" in said


def test_a_file_that_is_there_is_never_overwritten(house):
    file = house / "var" / "plugins" / "mine.py"
    file.write_text("my work")
    with pytest.raises(CommandError, match="is there already"):
        manage("newstrategy", "mine")
    assert file.read_text() == "my work"


@pytest.mark.parametrize(
    ("name", "words"),
    [("margin", "strategy 'margin' already"), ("json", "module 'json'"), ("Mine", "small letters"), ("lambda", "small letters")],
)
def test_a_name_that_could_not_work_is_refused(house, name, words):
    with pytest.raises(CommandError, match=words):
        manage("newstrategy", name)
    assert list((house / "var" / "plugins").iterdir()) == []


def test_a_failed_check_shows_the_line_of_the_file_and_ends_with_an_error(house):
    file = house / "mine.py"
    file.write_text(MINE.replace("return context", "x = 1 / 0\n        return context"))
    out = StringIO()
    with pytest.raises(CommandError, match="checks failed"):
        call_command("checkstrategy", str(file), stdout=out)
    assert re.search(r"mine\.py, line 13, in select: x = 1 / 0: ZeroDivisionError: division by zero", out.getvalue())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nothing_like_this", r"mine\.py, line 1, in <module>: .*ModuleNotFoundError"),
        ("def f(:", r"mine\.py, line 1: SyntaxError"),
        ("import sys\nsys.exit(3)", r"SystemExit: 3"),
        ("x = 1", "no class with a method `select`"),
        (MINE + "\n\nclass Other(Mine):\n    pass\n", r"say which: mine\.py:Mine, mine\.py:Other"),
    ],
)
def test_a_file_without_one_strategy_says_why(house, text, words):
    (house / "mine.py").write_text(text)
    with pytest.raises(CommandError, match=words):
        manage("checkstrategy", "mine.py", "--no-timing")


def test_one_class_of_several_can_be_named_and_a_built_in_one_too(house):
    (house / "mine.py").write_text(MINE + "\n\nclass Other(Mine):\n    pass\n")
    assert "All checks passed." in manage("checkstrategy", "mine.py:Mine", "--no-timing")
    assert "All checks passed." in manage("checkstrategy", "margin", "--no-timing")
    with pytest.raises(CommandError, match=r"no strategy 'marginal'; known are: margin, "):
        manage("checkstrategy", "marginal")


# --- In the registries


@pytest.fixture
def registry(monkeypatch):
    """The strategies, which forget after the test what it added."""
    registry = engine.strategies
    for kept in ("_classes", "broken", "plugins"):
        monkeypatch.setattr(registry, kept, dict(getattr(registry, kept)))
    return registry


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nothing_like_this", r"broken_one\.py, line 1.*ModuleNotFoundError"),
        ("import sys\nsys.exit(3)", "SystemExit"),
        ("Mine = 3", "no class"),
        ("x = 3", "no class 'Mine'"),
        (MINE.replace("def select", "def choose"), "no method `select`"),
        (MINE.replace('"Mine alone"', '"Smallest margin"'), "taken"),
        (MINE.replace('"mine", "', '"my.own", "'), r"The name 'my\.own' must be"),
        (MINE.replace("skip=0)", ")"), r"def __init__\(self, \*\*settings\)"),
        (MINE.replace("),)", "))"), "needs a comma"),
        (MINE.replace("minimum=0", "minimum=2"), "default of skip cannot be used"),
        (MINE.replace('"mine", "', '"margin", "'), "already registered"),
    ],
)
def test_what_cannot_be_offered_is_left_out_with_the_reason_and_the_rest_works(house, settings, registry, text, words):
    (house / "var" / "plugins" / "broken_one.py").write_text(text)
    (house / "var" / "plugins" / "good_one.py").write_text(MINE.replace('"mine", "Mine', '"good", "Good'))
    if "taken" in words:
        text = text.replace("Smallest margin", registry.get("margin").label)
        (house / "var" / "plugins" / "broken_one.py").write_text(text)
    settings.ALAMBIC_STRATEGIES = ["broken_one.Mine", "good_one.Mine"]
    plugins.load()
    assert re.search(words, registry.broken["broken_one.Mine"], flags=re.S), registry.broken
    assert "good" in registry and registry.plugins["good"] == "good_one.Mine"
    [warning] = plugins.check_plugins(None)
    assert warning.id == "alambic.W001" and "broken_one.Mine is left out of the strategies" in warning.msg
    out = StringIO()
    with pytest.raises(CommandError, match="1 could not be loaded"):
        call_command("checkstrategy", stdout=out)
    assert "strategies: good, from good_one.Mine" in out.getvalue() and "LEFT OUT broken_one.Mine" in out.getvalue()


def test_without_plug_ins_nothing_is_warned_of(registry):
    plugins.load()
    assert plugins.check_plugins(None) == [] and "none of your own" in manage("checkstrategy")


@pytest.mark.django_db
def test_a_broken_plug_in_does_not_keep_the_others_out_of_the_form(house, settings, registry, project, manager, browse):
    fill(project, 60)
    (house / "var" / "plugins" / "mine.py").write_text(MINE)
    (house / "var" / "plugins" / "broken_one.py").write_text("1 / 0")
    settings.ALAMBIC_STRATEGIES = ["broken_one.Gone", "mine.Mine"]
    plugins.load()
    response = browse(manager).get(f"/projects/{project.pk}/runs/new/")
    page = response.content.decode()
    assert response.status_code == 200
    assert "Mine alone" in page and "Skip so many" in page and 'value="margin"' in page


# --- In a run


KNOWN = {"oracle": "known", "seed_size": 10, "batch_size": 10, "stop": [{"name": "budget", "labels": 100}], "random_state": 1}


@pytest.mark.django_db(transaction=True)
def test_a_worker_knows_the_plug_in_of_its_settings(project, start_worker, monkeypatch, registry, clean_imports):  # noqa: F811
    folder = settings.VAR_DIR / "plugins"
    folder.mkdir(exist_ok=True)
    (folder / "worked.py").write_text(MINE)
    monkeypatch.setenv("ALAMBIC_STRATEGIES", "worked.Mine")
    monkeypatch.setattr(settings, "ALAMBIC_STRATEGIES", ["worked.Mine"])
    importlib.invalidate_caches()  # Python has looked for the folder before it was there
    plugins.load()
    fill(project, 150)
    run = actions.create_run(None, project, "development", {**KNOWN, "strategy": {"name": "mine", "skip": 2}})
    start_worker()
    actions.start_run(run, None)
    wait_until(lambda: Run.objects.get(pk=run.pk).status in {"finished", "failed"})
    run.refresh_from_db()
    assert (run.status, run.error) == ("finished", "")
    assert set(run.trials.get().queries.filter(purpose="query").values_list("strategy", flat=True)) == {"mine"}


class Broken:
    label, help = "Broken one", "Breaks in its third round."

    def select(self, context, batch_size):
        if len(context.labeled) > 25:
            return context.candidates[: batch_size + 1]
        return context.candidates[:batch_size]


class Raising:
    label, help = "Raising one", "Raises at once."

    def select(self, context, batch_size):
        return context.candidates[batch_size] / context.not_there


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("cls", "sentence", "line"),
    [
        (Broken, "The strategy Broken one (mine) returned 11 positions where 10 had to come.", ""),
        (
            Raising,
            "The strategy Raising one (mine) failed at test_plugins.py, line ",
            "return context.candidates[batch_size] / context.not_there",
        ),
    ],
)
def test_a_plug_in_that_fails_fails_its_own_trials_and_says_how(project, cls, sentence, line):
    fill(project, 120)
    plan = {
        "strategies": ["random", "mine"], "batch_sizes": [10], "folds": 2, "repeats": 1, "seed_size": 10, "max_labels": 40,
        "full_model": False,
    }  # fmt: skip
    with engine.strategies.temporarily("mine", cls), TestCase.captureOnCommitCallbacks(execute=True):
        run = actions.create_run(None, project, "analysis", plan)
        actions.start_run(run, None)
        for trial in run.trials.all():
            analyse_here(trial.pk)
    run.refresh_from_db()
    assert run.status == "finished" and run.stop_reason == "2 of 4 trials are done; 2 failed."
    assert set(run.trials.filter(strategy="random").values_list("phase", flat=True)) == {"finished"}
    for trial in run.trials.filter(strategy="mine"):
        assert trial.phase == "failed" and trial.error.startswith(sentence)
        assert line in trial.traceback


@pytest.mark.django_db
def test_a_plug_in_that_fails_in_a_development_run_says_so_on_its_page(project, manager, browse):
    fill(project, 150)
    with engine.strategies.temporarily("mine", Raising), TestCase.captureOnCommitCallbacks(execute=True):
        run = actions.create_run(None, project, "development", {**KNOWN, "strategy": {"name": "mine"}})
        actions.start_run(run, None)
        advance(run.trials.get().pk)
        page = browse(manager).get(f"/distilling/{run.pk}/").content.decode()
    assert "The strategy Raising one (mine) failed at test_plugins.py" in page
    assert "AttributeError: &#x27;Context&#x27; object has no attribute &#x27;not_there&#x27;" in page
