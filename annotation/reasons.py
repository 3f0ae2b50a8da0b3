"""Why was this served to me? One plain line, from the query alone (no look-ups: it is on every item that is handed out)."""

from annotation.models import Purpose, Query

_DRAWN = {
    Purpose.SEED: "Seed item: drawn at random, so that the learner can start.",
    Purpose.TEST: "Test item: drawn at random to measure the learner; it never learns from it.",
    Purpose.CHECK: "Check: drawn at random, to prove how accurate the automatic labels are.",
    Purpose.REVIEW: "Another opinion: people or the model disagree about this item.",
}
_CHOSEN_SEEDS = {"typiclust", "k_center"}
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
    strategy = query.strategy.replace("_", " ") or "the strategy"
    said = f"{strategy} chose it" if query.score is None else f"{strategy} scored it {query.score:.3g}"
    return f"Round {query.round_number}, rank {query.rank} of the ranking: {said}."
