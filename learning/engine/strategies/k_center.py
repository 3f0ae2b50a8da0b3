"""Core-set selection: cover the pool, so that no item is far from a labelled one."""

from learning.engine.strategies.base import Context, Selection, Strategy
from learning.engine.strategies.covering import farthest_first
from learning.engine.strategies.registry import strategies
from learning.engine.threads import one_thread


@strategies.register("k_center")
class KCenter(Strategy):
    """Repeatedly take the candidate farthest (Euclidean) from everything labelled, pending or taken.

    Sener & Savarese (2018). Needs features, no model, so it also works before there are labels. Costs O(m(l+b)d) for dense rows,
    O(nnz(l+b)) for sparse ones, in blocks; what is labelled counts once, not every round. Memory O(m). The score is the distance.
    """

    label = "K-center (core-set)"
    help = "Asks the items farthest from all labelled ones: a varied batch, needs no model, sensitive to outliers."
    family = "Variety: ask what differs from all that is labelled"
    needs = frozenset({"features"})
    batch_aware = True
    reference = "Sener & Savarese (2018), Active learning for convolutional neural networks: a core-set approach."
    cost = "O(m(l+b)d) dense, O(nnz(l+b)) sparse"

    def _select(self, context: Context, size: int) -> Selection:
        with one_thread():
            best, distances = farthest_first(context, size)
        return Selection(context.candidates[best], scores=distances)
