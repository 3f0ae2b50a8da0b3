"""Expected gradient length: ask for the label that would change a linear model most."""

import numpy as np

from learning.engine.parameters import Parameter
from learning.engine.strategies.base import Context
from learning.engine.strategies.registry import strategies
from learning.engine.strategies.scored import ScoredStrategy


def expected_length(P: np.ndarray) -> np.ndarray:
    """(m,) sum over y of p_y |p - e_y|, for class probabilities P (m, C): how far a label is expected to pull the logits.

    |p - e_y|^2 = |p|^2 - 2 p_y + 1, so that it costs O(mC) and no gradient is ever written down.
    """
    P = np.array(P, dtype=np.float64)
    squares = np.einsum("ij,ij->i", P, P)[:, None] - 2 * P + 1
    expected = P * np.sqrt(np.maximum(squares, 0.0))
    # Of the class that the model is sure of, 1 - 2 p_y + |p|^2 would be all rounding; the others' probabilities tell it exactly.
    surest = np.arange(len(P)), P.argmax(axis=1)
    largest = P[surest]
    P[surest] = 0.0
    expected[surest] = largest * np.sqrt(np.einsum("ij,ij->i", P, P) + P.sum(axis=1) ** 2)
    return expected.sum(axis=1)


@strategies.register("expected_gradient_length")
class ExpectedGradientLength(ScoredStrategy):
    """Expected norm of the gradient that the label of x adds to the log loss (Settles, Craven & Ray 2008).

    For a softmax-linear model that gradient is (p - e_y) (x, 1)^T, whose norm is |p - e_y| |(x, 1)|: a closed form, exact for
    logistic regression and a rule of thumb for other learners. Needs proba; one prediction of the pool + O(mC).
    """

    label = "Expected gradient length"
    help = "Asks where the answer would change the model most, whichever it is; made for logistic regression."
    family = "Looking ahead: ask what would change the model most"
    parameters = (
        Parameter(
            "normalize",
            "bool",
            True,
            label="Ignore the size of items",
            help="Otherwise long rows of features win because they are long, however sure the model is of them.",
        ),
    )
    needs = frozenset({"proba"})
    reference = "Settles, Craven & Ray (2008), Multiple-instance active learning."
    cost = "one prediction of the pool + O(mC)"
    lowest = 0.0

    def scores(self, context: Context) -> np.ndarray:
        """(m,) higher = ask first."""
        length = expected_length(context.proba)
        if self.settings["normalize"]:
            return length
        return length * np.sqrt(context.derived.squared_norms[context.candidates] + 1)
