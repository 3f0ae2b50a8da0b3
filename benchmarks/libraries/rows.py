"""The rows and columns of the table, and the figures that our column is held against."""

LIBRARIES = {
    "ours": "ALAMBIC",
    "scikit_activeml": "scikit-activeml 1.0.1",
    "small_text": "small-text 1.4.1",
    "modal": "modAL 0.4.2.1",
    "alipy": "ALiPy 1.2.5",
}
STRATEGIES = (
    "random",
    "least_confidence",
    "margin",
    "entropy",
    "margin, rank",
    "margin, diverse",
    "margin, cluster_margin",
    "ranked",
    "k_center",
    "badge",
    "typiclust",
    "prob_cover",
    "max_herding",
    "discriminative",
    "information_density",
    "contrastive",
    "vote_entropy",
    "consensus_entropy",
    "mean_kl",
    "bald",
    "expected_gradient_length",
    "expected_error_reduction",
    "quire",
)
# Those that choose by features or clusters; of (d) they have more time.
DIVERSITY = frozenset(
    {
        "margin, diverse",
        "margin, cluster_margin",
        "ranked",
        "k_center",
        "badge",
        "typiclust",
        "prob_cover",
        "max_herding",
        "discriminative",
        "contrastive",
    }
)
# Straight numpy and scikit-learn code of each strategy on the machine of the first measurements (2 shared cores): seconds per
# round, of which the selection. Task -> row -> the pair.
REFERENCE = {
    "a": {
        "random": (0.158, 0.0003),
        "least_confidence": (0.168, 0.00141),
        "margin": (0.153, 0.00582),
        "entropy": (0.18, 0.00522),
        "k_center": (0.299, 0.134),
        "badge": (0.235, 0.0723),
        "vote_entropy": (1.41, 1.27),
        "information_density": (0.237, 0.00607),
        "discriminative": (0.912, 0.769),
        "typiclust": (1.69, 1.54),
    },
    "b": {
        "random": (0.0246, 0.00017),
        "least_confidence": (0.0349, 0.0003),
        "margin": (0.024, 0.00026),
        "entropy": (0.0263, 0.00026),
        "k_center": (0.0205, 0.00095),
        "badge": (0.0354, 0.00511),
        "vote_entropy": (0.298, 0.265),
        "information_density": (0.0389, 0.00036),
        "discriminative": (0.189, 0.161),
        "typiclust": (0.314, 0.292),
    },
    "c": {
        "random": (0.0431, 0.00033),
        "least_confidence": (0.108, 0.00956),
        "margin": (0.111, 0.0108),
        "entropy": (0.13, 0.0111),
        "k_center": (0.539, 0.458),
        "badge": (0.446, 0.347),
        "vote_entropy": (0.604, 0.543),
        "information_density": (0.133, 0.0188),
        "discriminative": (1.36, 1.28),
        "typiclust": (6.55, 6.5),
    },
    "d": {},
}
# What we promise of (d), in seconds per selection, and of memory, in sizes of X.
LIMITS_D = {"scoring": 10.0, "diversity": 60.0}
MEMORY = 2.0
SLACK = 1.2
TIMES_FASTER_ON_A = 10.0
