"""What the documentation says is true: the reference is complete, and its examples run."""

import re
from pathlib import Path

import pytest

from learning.engine.reference import reference

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_reference_is_current():
    """If this fails: python -m learning.engine.reference > docs/reference.md"""
    assert (DOCS / "reference.md").read_text() == reference()


def test_the_examples_of_the_engine_run_without_django(tmp_path):
    """In a process of its own that must not import Django."""
    import subprocess
    import sys

    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "engine.md").read_text(), flags=re.S)
    assert len(blocks) == 5
    code = "\n".join(blocks) + "\nimport sys\nassert 'django' not in sys.modules\nprint('done')\n"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=DOCS.parent, check=False)
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip().endswith("done") and "badge" in found.stdout
    assert "margin needed" in found.stdout and "% fewer labels than random for accuracy 0.95" in found.stdout


@pytest.mark.parametrize("place", [0, 2])
def test_a_simulation_and_an_analysis_take_ten_lines_at_most(place):
    block = re.findall(r"```python\n(.*?)```", (DOCS / "engine.md").read_text(), flags=re.S)[place]
    lines = [line for line in block.splitlines() if line.strip()]
    assert len(lines) <= 10


@pytest.mark.parametrize(("accuracy", "least", "likely"), [(0.95, 59, 361), (0.98, 149, 969), (0.99, 299, 1941)])
def test_the_numbers_of_checks_are_those_of_the_code(accuracy, least, likely):
    from learning.engine import checks_for_power, checks_needed

    text = (DOCS / "labeling.md").read_text()
    assert (checks_needed(accuracy, 0.95), checks_for_power(accuracy, 0.95)) == (least, likely)
    assert f"{least}" in text and f"{likely:,}" in text
