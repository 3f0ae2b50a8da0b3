import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from learning.engine import load_matrix, prepare, save_matrix

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "X", [np.arange(12.0).reshape(4, 3), np.zeros((0, 3)), sparse.random(50, 30, 0.1, "csr", rng=0), sparse.csr_matrix((5, 7))]
)
def test_a_matrix_comes_back_mapped_and_read_only(tmp_path, X):
    save_matrix(tmp_path / "m", X)
    loaded = load_matrix(tmp_path / "m")
    assert loaded.shape == X.shape and loaded.dtype == np.float32
    assert sparse.issparse(loaded) == sparse.issparse(X)
    dense = [np.asarray(m.todense()) if sparse.issparse(m) else m for m in (loaded, X)]
    assert np.allclose(*dense)
    data = loaded.data if sparse.issparse(loaded) else loaded
    if data.size:
        assert not data.flags.writeable
    assert [p.name for p in tmp_path.iterdir()] == ["m"]  # nothing temporary is left


def test_unsorted_and_duplicate_entries_are_put_in_order(tmp_path):
    X = sparse.csr_matrix((np.ones(3), np.array([2, 0, 2]), np.array([0, 3])), shape=(1, 3))
    save_matrix(tmp_path / "m", X)
    loaded = load_matrix(tmp_path / "m")
    assert loaded.toarray().tolist() == [[1, 0, 2]] and loaded.has_canonical_format
    assert X.nnz == 3


def test_saving_again_replaces(tmp_path):
    save_matrix(tmp_path / "m", np.zeros((2, 2)))
    save_matrix(tmp_path / "m", np.ones((3, 2)))
    assert load_matrix(tmp_path / "m").shape == (3, 2) and len(list(tmp_path.iterdir())) == 1


def test_a_failed_build_leaves_nothing_behind(tmp_path):
    def fail():
        raise RuntimeError("disk on fire")

    with pytest.raises(RuntimeError):
        prepare(tmp_path / "x", {"name": "tfidf"}, fail, np.arange(2), 0)
    assert not (tmp_path / "x").exists()
    X, _ = prepare(tmp_path / "x", {"name": "tfidf"}, ["a text", "a tale"], np.arange(2), 0)
    assert X.shape[0] == 2


SCRIPT = """
import sys, pathlib
import numpy as np
from learning.engine import prepare
folder = pathlib.Path(sys.argv[1])
def items():
    (folder / f"built-by-{sys.argv[2]}").touch()
    return [f"text number {i} says {i % 7}" for i in range(5000)]
X, transformer = prepare(folder / "features", {"name": "tfidf"}, items, np.arange(4000), 0)
print(X.shape, float(X.sum()), len(transformer.vocabulary_))
"""


def test_two_processes_that_prepare_the_same_build_it_once(tmp_path):
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    processes = [subprocess.Popen([*command, str(i)], cwd=ROOT, stdout=subprocess.PIPE, text=True) for i in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert outputs[0] == outputs[1] and "(5000, " in outputs[0]
    assert len(list(tmp_path.glob("built-by-*"))) == 1
