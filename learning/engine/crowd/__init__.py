"""Several annotators: how far they agree, what they say together, how each does, what to ask again, which labels look wrong.

One row per answer throughout: `items`, `annotators` and `values` (m,), codes that count from 0.
"""

from learning.engine.crowd.agreement import (
    LabelAgreement,
    Pairs,
    agreement_by_label,
    alpha_over_time,
    cohen_kappa,
    confusion_between,
    fleiss_kappa,
    krippendorff_alpha,
    pairwise_agreement,
    percent_agreement,
)
from learning.engine.crowd.answers import answer_matrix, latest, vote_counts
from learning.engine.crowd.consensus import DawidSkene, Votes, dawid_skene, majority, unanimous, weighted_majority
from learning.engine.crowd.distances import alpha_of_sets, distance_alpha, distinct_sets, jaccard_distances, masi_distances
from learning.engine.crowd.parts import PartPairs, PersonF1, codes_within, f1_with_gold, f1_with_others, pairwise_f1
from learning.engine.crowd.relabel import RelabelScores, relabel_scores
from learning.engine.crowd.resampling import Estimate
from learning.engine.crowd.scoring import Shares, Speeds, agreement_with_others, gold_scores, shares, speeds
from learning.engine.crowd.spans import Spans, span_alpha, span_f1
from learning.engine.crowd.suspicious import Suspicious, suspicious_labels

__all__ = [
    "DawidSkene",
    "Estimate",
    "LabelAgreement",
    "Pairs",
    "PartPairs",
    "PersonF1",
    "RelabelScores",
    "Shares",
    "Spans",
    "Speeds",
    "Suspicious",
    "Votes",
    "agreement_by_label",
    "agreement_with_others",
    "alpha_of_sets",
    "alpha_over_time",
    "answer_matrix",
    "codes_within",
    "cohen_kappa",
    "confusion_between",
    "dawid_skene",
    "distance_alpha",
    "distinct_sets",
    "f1_with_gold",
    "f1_with_others",
    "fleiss_kappa",
    "gold_scores",
    "jaccard_distances",
    "krippendorff_alpha",
    "latest",
    "majority",
    "masi_distances",
    "pairwise_agreement",
    "pairwise_f1",
    "percent_agreement",
    "relabel_scores",
    "shares",
    "span_alpha",
    "span_f1",
    "speeds",
    "suspicious_labels",
    "unanimous",
    "vote_counts",
    "weighted_majority",
]
