"""Whether a strategy beats random: whole learning curves, paired by seed."""

import numpy as np
from sklearn.datasets import load_digits

from learning import engine


def digits() -> tuple[np.ndarray, np.ndarray]:
    """(1797, 64) in 0 .. 1, and the digits."""
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32), y


def gains(X, y, strategy, *, n_seeds, batch_size, seed_size, max_labels, learner="logistic_regression", **settings) -> np.ndarray:
    """(n_seeds,) mean accuracy over the rounds after the first, less that of random with the same seed set and split.

    Half the items are the pool, half the test set. The same seeds give the same numbers.
    """
    order = np.random.default_rng(0).permutation(len(y))
    pool, test = np.split(order, [len(y) // 2])

    def area(given, seed):
        history = engine.simulate(
            X,
            y,
            pool,
            test,
            learner={"name": learner},
            strategy=given,
            batch_size=batch_size,
            seed_size=seed_size,
            max_labels=max_labels,
            seed=seed,
            how_seeded="random",
        )
        return np.mean([part["metrics"]["accuracy"]["value"] if part["metrics"] else 0.0 for part in history[1:]])

    return np.array([area({"name": strategy, **settings}, seed) - area({"name": "random"}, seed) for seed in range(n_seeds)])


def wins(differences: np.ndarray) -> bool:
    """Three standard errors above zero, and better with at least three of four seeds."""
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    return bool(differences.mean() > 3 * error and np.mean(differences > 0) >= 0.75)
