"""Expected error reduction: try every answer, train again, and see which item would leave the fewest errors."""

import numpy as np
from scipy import sparse

from learning.engine.blocks import Matrix, take
from learning.engine.parameters import Parameter
from learning.engine.strategies.base import Context, Selection
from learning.engine.strategies.registry import strategies
from learning.engine.strategies.scored import ScoredStrategy
from learning.engine.strategies.scores import entropy, least_confidence

_UNLIKELY = 0.01  # answers less probable than this are not tried
_MOST_ANSWERS = 5
_EVALUATION = "error_reduction: evaluation"
_LOSSES = {"zero_one": least_confidence, "log": entropy}


@strategies.register("expected_error_reduction")
class ExpectedErrorReduction(ScoredStrategy):
    """Least expected loss on the pool after x was answered, over the answers that seem likely (Roy & McCallum 2001).

    For each of a random sample of candidates and each answer y (the five most probable, none below 1 %, weighted by p_y
    renormalised) the learner is trained with (x, y) added. The loss is what that model itself expects on a random sample of the
    pool: mean entropy (log loss), or mean probability of being wrong. All models share a seed, so that only the answers differ.
    Candidates outside the sample come after all others, at random; equal ones are tried once. Needs proba, model and learner.
    Costs at most 5 fits per candidate tried, each from the optimum of the labels there are where the learner can, and as many
    predictions of the sample.
    """

    label = "Expected error reduction"
    help = "Tries each likely answer of some items and asks what would leave the model least in doubt: thorough, and slow."
    family = "Looking ahead: ask what would change the model most"
    parameters = (
        Parameter(
            "candidates",
            "int",
            50,
            minimum=1,
            maximum=10_000,
            label="Items to try",
            help="So many random items are tried each round, a few trainings each. Should be several times the batch size.",
        ),
        Parameter(
            "evaluation",
            "int",
            500,
            minimum=10,
            maximum=100_000,
            label="Items to judge by",
            help="The doubt that is left is measured on this many random items of the pool.",
        ),
        Parameter(
            "loss",
            "choice",
            "log",
            choices=(("log", "Doubt in all classes (log loss)"), ("zero_one", "Expected errors (0/1 loss)")),
            label="What to reduce",
            help="Doubt in all classes changes with every label; expected errors may not.",
        ),
    )
    needs = frozenset({"proba", "model", "learner"})
    reference = "Roy & McCallum (2001), Toward optimal active learning through sampling estimation of error reduction."
    cost = "up to 5 fits per item tried + as many predictions of the items judged by"

    def _select_from(self, context: Context, batch_size: int, beyond: int) -> Selection:
        """The batch is chosen among the candidates that are tried; where they are too few, random others follow."""
        context.memo[_EVALUATION] = self._evaluation(context)
        n, tried = len(context.candidates), self.settings["candidates"]
        if n <= tried:
            return super()._select_from(context, batch_size, beyond)
        order = context.rng.permutation(n)
        within = context.among(np.sort(order[:tried]))
        first = super()._select_from(within, min(batch_size, tried), max(0, min(batch_size + beyond, tried) - batch_size))
        others = Selection(context.candidates[order[tried : tried + batch_size + beyond - len(first)]])
        # Which items were tried is random too, so the probabilities of the picks are not those of the whole pool.
        return (first.then(others) if len(others) else first).with_(probability=None, weights=None)

    def scores(self, context: Context) -> np.ndarray:
        """(m,) higher = ask first: minus the expected loss."""
        from learning.engine.loop import fit_warm, predict  # it imports the strategies

        X, C = context.X, context.n_classes
        evaluated = context.memo.get(_EVALUATION)
        rows = take(X, self._evaluation(context) if evaluated is None else evaluated)
        loss = _LOSSES[self.settings["loss"]]
        seed = int(context.rng.integers(2**31))
        _, state = fit_warm(context.learner, X, context.labeled, context.y, C, seed, None)

        def loss_after(position: int, answer: int) -> float:
            positions, y = np.append(context.labeled, position), np.append(context.y, answer)
            model, _ = fit_warm(context.learner, X, positions, y, C, seed, state)
            return float(loss(predict(model, rows, None, C)).mean())

        tried = first_equal(take(X, context.candidates))
        expected = np.zeros(len(tried))
        for place in np.unique(tried).tolist():
            answers, weights = likely_answers(context.proba[place])
            losses = [loss_after(context.candidates[place], answer) for answer in answers.tolist()]
            expected[place] = weights @ losses
        return -expected[tried]

    def _evaluation(self, context: Context) -> np.ndarray:
        size = min(self.settings["evaluation"], len(context.candidates))
        return np.sort(context.rng.choice(context.candidates, size=size, replace=False))


def first_equal(rows: Matrix) -> np.ndarray:
    """(m,) the place of the first of the rows (m, d) that equals each one: texts repeat.

    Trained on one after the other, equal rows would get scores that differ by rounding, which then decides instead of chance.
    """
    if sparse.issparse(rows):
        rows = rows.sorted_indices()
        ends = rows.indptr.tolist()
        keys = [
            (rows.indices[start:end].tobytes(), rows.data[start:end].tobytes())
            for start, end in zip(ends[:-1], ends[1:], strict=True)
        ]
    else:
        keys = [row.tobytes() for row in rows]
    first: dict = {}
    return np.array([first.setdefault(key, place) for place, key in enumerate(keys)], dtype=np.int64)


def likely_answers(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(codes of the classes to try, most probable first, their weights, which sum to 1), for probabilities p (C,)."""
    answers = np.argsort(-p, kind="stable")[:_MOST_ANSWERS]
    answers = answers[(p[answers] > _UNLIKELY) | (answers == answers[0])]
    return answers, p[answers] / p[answers].sum()
