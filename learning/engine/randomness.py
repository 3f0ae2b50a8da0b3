"""Every random choice comes from here: named by what it is for, so that neither order nor parallelism can change it."""

import zlib

import numpy as np


def generator(seed: int, *path: int | str) -> np.random.Generator:
    """The generator of one purpose, e.g. `generator(run_seed, trial_key, round_number, "select")`."""
    return np.random.default_rng(_sequence(seed, path))


def integer_seed(seed: int, *path: int | str) -> int:
    """A seed (0 .. 2**31 - 1) for what wants an integer, such as scikit-learn's `random_state`."""
    return int(_sequence(seed, path).generate_state(1)[0] >> 1)


def _sequence(seed: int, path: tuple[int | str, ...]) -> np.random.SeedSequence:
    # SeedSequence ignores trailing zeros of its entropy, so the length goes in front and every part says its kind.
    words = [len(path)]
    for part in path:
        if isinstance(part, str):
            data = part.encode()
            words += [1, zlib.crc32(data), len(data)]
        else:
            words += [2 if part >= 0 else 3, abs(int(part))]
    return np.random.SeedSequence([abs(int(seed)), int(seed < 0), *words, 1])
