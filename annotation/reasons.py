"""Why was this served to me? One plain line, from the query alone (no look-ups: it is on every item that is handed out).

The line must bias nobody: it says neither what the model takes the item for nor how close the call is. Nor may it give away
gold, which is shown beside another query's line: so it tells the rank in steps (the first 20, 50, ...) in which neighbours are
alike, where "rank 31" between ranks 24 and 25 would be seen. The exact rank and score are in the export.
"""

from annotation.models import Purpose, Query

_DRAWN = {
    Purpose.SEED: "Seed item: drawn at random, so that the learner can start.",
    Purpose.TEST: "Test item: drawn at random to measure the learner; it never learns from it.",
    Purpose.CHECK: "Check: drawn at random, to prove how accurate the automatic labels are.",
    Purpose.REVIEW: "Another opinion: several people are asked about this item.",
}
_CHOSEN_SEEDS = {"typiclust", "k_center"}
# What each kind of strategy looks for. A plug-in's, which nobody here knows, is named alone.
_LOOKS_FOR = (
    ("The learner is unsure about it", {"margin", "least_confidence", "entropy", "ratio"}),
    ("Several learners disagree about it", {"vote_entropy", "consensus_entropy", "mean_kl", "bald"}),
    ("It differs from what is labelled", {"prob_cover", "max_herding", "discriminative", "k_center"}),
    ("It is typical of items without a label", {"typiclust"}),
    ("The learner is unsure about it, and it is unlike the others asked", {"badge"}),
    ("The learner is unsure about it and sure about its likes", {"contrastive"}),
    ("The learner is unsure about it, and it stands for others", {"information_density", "quire"}),
    ("Its label would change the learner most", {"expected_error_reduction", "expected_gradient_length"}),
)
_SAYS = {name: words for words, names in _LOOKS_FOR for name in names}
_NAMES = {"typiclust": "TypiClust", "k_center": "k-center", "badge": "BADGE", "bald": "BALD", "quire": "QUIRE"}
_STEPS = (20, 50, 100, 200, 500, 1000)
BADGES = {
    Purpose.SEED: "Seed",
    Purpose.TEST: "Test",
    Purpose.QUERY: "Query",
    Purpose.RANDOM: "Exploration",
    Purpose.CHECK: "Check",
    Purpose.REVIEW: "Another opinion",
    Purpose.PLAIN: "In order",
}


def why(query: Query | None) -> str:
    """The line that the labelling page, REST and the page of an item show."""
    if query is None:
        return "Nobody asked for this item: it was answered of the annotator's own accord."
    if query.purpose == Purpose.SEED and query.strategy in _CHOSEN_SEEDS:
        return f"Seed item: chosen by {query.strategy.replace('_', ' ')}, so that the learner can start."
    if drawn := _DRAWN.get(Purpose(query.purpose)):
        return drawn
    if query.purpose == Purpose.PLAIN:
        order = "random" if query.strategy == "random" else "import"
        return f"In {order} order: no learner has been started."
    if query.purpose == Purpose.RANDOM:
        return f"Round {query.round_number}, exploration: drawn at random, to compare the strategy with chance."
    name = _NAMES.get(query.strategy) or query.strategy.replace("_", " ") or "the strategy"
    says = _SAYS.get(query.strategy, "The strategy wants its label")
    step = next((step for step in _STEPS if query.rank <= step), None)
    rank = f"among the first {step:,}" if step else f"beyond the first {_STEPS[-1]:,}"
    return f"{says}: {rank} by {name}, round {query.round_number}."
