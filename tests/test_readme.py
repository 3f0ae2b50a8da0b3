"""What the README promises of settings and commands is what there is."""

import re

from django.conf import settings

ROOT = settings.BASE_DIR
# Read by libraries, or set by ourselves for a child
NOT_FOR_PEOPLE = {"DJANGO_SETTINGS_MODULE"}


def read_by_the_code() -> set[str]:
    found = set()
    for path in (ROOT / "alambic_site").rglob("*.py"):
        found.update(re.findall(r'(?:env_\w+|environ\.get)\(\s*"([A-Z_]+)"', path.read_text()))
    return found - NOT_FOR_PEOPLE


def in_the_table() -> set[str]:
    return set(re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "README.md").read_text(), flags=re.M))


def test_every_setting_is_in_the_readme_and_nothing_else():
    assert read_by_the_code() == in_the_table()


def test_every_make_command_of_the_docs_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        named = set(re.findall(r"(?:^    |`)(?:[A-Z_]+=\S+ )*make ([a-z]+)", path.read_text(), flags=re.M))
        assert named <= targets, path.name


def test_every_link_of_the_docs_leads_somewhere():
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"
