"""Agreement where answers can be partly alike: sets of labels, or any values with a distance between them."""

from collections.abc import Callable

import numpy as np
from scipy import sparse

from learning.engine.crowd.agreement import Units, divided
from learning.engine.crowd.answers import codes, pairs_within
from learning.engine.crowd.resampling import DRAWS, Estimate
from learning.engine.errors import EngineError

_MOST_SETS = 10_000  # a table of 800 MB
_BLOCK = 1_000_000


def distinct_sets(members: np.ndarray | sparse.sparray) -> tuple[np.ndarray, np.ndarray]:
    """(values (m,), sets (V, C) bool): the V different sets among the answers, and which of them each answer is.

    members (m, C): 1 where the answer holds the label; an empty row is the answer "none of them".
    """
    dense = members.astype(bool).toarray() if sparse.issparse(members) else np.asarray(members, dtype=bool)
    packed, values = np.unique(np.packbits(dense, axis=1), axis=0, return_inverse=True)
    sets = np.unpackbits(packed, axis=1, count=dense.shape[1]).astype(bool)
    return values.ravel(), sets


def jaccard_distances(sets: np.ndarray) -> np.ndarray:
    """(V, V): 1 - |both| / |either| of sets (V, C) (Jaccard 1912); two empty sets are the same, distance 0."""
    return _between(sets, lambda jaccard, both, sizes, others: 1 - jaccard)


def masi_distances(sets: np.ndarray) -> np.ndarray:
    """(V, V): 1 - Jaccard x monotonicity of sets (V, C) (Passonneau 2006, Measuring agreement on set-valued items).

    Monotonicity: 1 for equal sets, 2/3 where one holds the other, 1/3 where they only overlap, 0 without a common label.
    """

    def masi(jaccard: np.ndarray, both: np.ndarray, sizes: np.ndarray, others: np.ndarray) -> np.ndarray:
        held = (both == sizes).astype(int) + (both == others)  # 2: each holds the other, they are equal
        return 1 - jaccard * (1 + held) / 3

    return _between(sets, masi)


def _between(sets: np.ndarray, distance: Callable[..., np.ndarray]) -> np.ndarray:
    """The table of a distance, some rows at a time, for there can be thousands of sets. Raises EngineError for too many."""
    member = np.asarray(sets, dtype=float)
    if len(member) > _MOST_SETS:
        raise EngineError(f"There are {len(member)} different sets of labels; distances are taken between {_MOST_SETS} at most.")
    size = member.sum(axis=1)
    table = np.empty((len(member), len(member)))
    step = max(1, _BLOCK // max(1, len(member)))
    for begin in range(0, len(member), step):
        rows = slice(begin, begin + step)
        both = member[rows] @ member.T
        either = size[rows, None] + size - both
        jaccard = np.divide(both, either, out=np.ones_like(both), where=either > 0)
        table[rows] = distance(jaccard, both, size[rows, None], size)
    return table


def distance_alpha(
    items: np.ndarray,
    values: np.ndarray,
    distances: np.ndarray,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Estimate:
    """Krippendorff's alpha with any difference function: distances (V, V), symmetric, 0 on the diagonal.

    Krippendorff (2011) calls these numbers the squared differences: give (v - w)^2 for the interval form, ranks for the
    ordinal one; MASI and Jaccard distances go in as they are, as Passonneau (2006) does. 0 / 1 is the nominal form. Raises
    EngineError for distances that are not such a table.
    """
    return alpha_of_units(Units.of(items, values, len(distances)), distances, draws=draws, seed=seed)


def alpha_of_units(units: Units, distances: np.ndarray, *, draws: int = DRAWS, seed: int = 0) -> Estimate:
    """The same for units that have weights or belong to items (`agreement.Units`)."""
    distances = _checked(distances)
    width = 1 + units.n_values
    one, other = pairs_within(units.unit)
    apart = 2 * units.count[one] * units.count[other] * distances[units.value[one], units.value[other]]
    apart /= units.sizes[units.unit[one]] - 1
    sums = units.per_group(np.zeros_like(one), apart, width, units.unit[one])
    sums = sparse.csr_array(sums + units.per_group(1 + units.value, units.count, width))

    def alpha(s: np.ndarray) -> np.ndarray:
        counts = s[:, 1:]
        n = counts.sum(axis=1, keepdims=True)
        expected = divided(np.einsum("bv,bv->b", counts @ distances, counts)[:, None], n * (n - 1))
        return 1 - divided(divided(s[:, :1], n), expected)

    size, weight = units.usual
    _, halves = units.halves()
    disagreement = halves @ distances @ halves / (max(weight, 1e-300) * (size - 1))
    return units.estimate(sums, alpha, np.r_[disagreement, halves], draws, seed)[0]


def _checked(distances: np.ndarray) -> np.ndarray:
    distances = np.asarray(distances, dtype=float)
    square = distances.ndim == 2 and distances.shape[0] == distances.shape[1]
    if not square or np.diagonal(distances).any() or (distances != distances.T).any() or (distances < 0).any():
        raise EngineError("Distances must be a symmetric table of numbers from 0 up, with 0 between a value and itself.")
    return distances


def alpha_of_sets(
    items: np.ndarray,
    members: np.ndarray | sparse.sparray,
    *,
    distance: str = "masi",
    draws: int = DRAWS,
    seed: int = 0,
) -> Estimate:
    """Alpha of answers that are sets of labels: members (m, C) as in `distinct_sets`.

    distance: "masi", "jaccard" or "nominal", which asks for equal sets. Raises EngineError for another name.
    """
    known = {"masi": masi_distances, "jaccard": jaccard_distances, "nominal": lambda sets: 1 - np.eye(len(sets))}
    if distance not in known:
        raise EngineError(f"Unknown distance {distance!r} between sets; known are: {', '.join(known)}.")
    values, sets = distinct_sets(members)
    items = codes("items", items, length=len(values))
    return distance_alpha(items, values, known[distance](sets), draws=draws, seed=seed)
