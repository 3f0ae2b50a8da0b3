"""Learning curves of an analysis turned into statistics: areas, labels saved, differences that are real, ranks.

Curves in, plain data out (no numpy, no nan: None). Everything is paired by split: a fold of a repeat.
"""

from learning.engine.evaluation.areas import alc, aubc, deficiency, labels_to_target, scores_at
from learning.engine.evaluation.curves import Curve, curves_from_frame
from learning.engine.evaluation.ranks import critical_difference, friedman_nemenyi
from learning.engine.evaluation.reporting import report
from learning.engine.evaluation.resampling import bootstrap, corrected, corrected_ratio, holm, wilcoxon

__all__ = [
    "Curve",
    "alc",
    "aubc",
    "bootstrap",
    "corrected",
    "corrected_ratio",
    "critical_difference",
    "curves_from_frame",
    "deficiency",
    "friedman_nemenyi",
    "holm",
    "labels_to_target",
    "report",
    "scores_at",
    "wilcoxon",
]
