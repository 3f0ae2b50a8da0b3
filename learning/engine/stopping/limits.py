"""What a run may cost at most. A limit stops by itself, from the first round on."""

from typing import Any

from learning.engine.parameters import Parameter
from learning.engine.stopping.base import Criterion, History, Verdict, criteria, plural


@criteria.register("budget")
class Budget(Criterion):
    """The number of labels that people may be asked for, the seed's included."""

    label = "Number of labels"
    help = "Ends when the learner has this many labels, those of the start included."
    limit = True
    parameters = (Parameter("labels", "int", 500, minimum=2, maximum=10_000_000, label="Labels", help="The budget."),)

    @classmethod
    def _check(cls, history: History, s: dict[str, Any]) -> Verdict:
        labels, budget = history[-1]["n_labeled"], s["labels"]
        met = labels >= budget
        text = (
            f"The budget of {plural(budget, 'label')} is spent." if met else f"{labels:,} of {plural(budget, 'label')} are given."
        )
        return Verdict(labels, budget, met, text)


@criteria.register("rounds")
class Rounds(Criterion):
    """The number of rounds."""

    label = "Number of rounds"
    help = "Ends after this many turns of the loop."
    limit = True
    parameters = (Parameter("rounds", "int", 50, minimum=1, maximum=1_000_000, label="Rounds", help="Turns of the loop."),)

    @classmethod
    def _check(cls, history: History, s: dict[str, Any]) -> Verdict:
        done, wanted = len(history), s["rounds"]
        met = done >= wanted
        text = f"{done:,} of {plural(wanted, 'round')} done."
        return Verdict(done, wanted, met, text)


@criteria.register("wall_time")
class WallTime(Criterion):
    """Hours since the start of the run, waiting for people included; looked at after every round."""

    label = "Time"
    help = "Ends with the first round after this many hours, waiting included."
    limit = True
    parameters = (Parameter("hours", "float", 24.0, minimum=0.001, maximum=100_000, label="Hours", help="Since the start."),)

    @classmethod
    def _check(cls, history: History, s: dict[str, Any]) -> Verdict:
        hours, wanted = history[-1].get("elapsed", 0.0) / 3600, s["hours"]
        met = hours >= wanted
        text = f"The time is over: {wanted:g} h." if met else f"{hours:.1f} of {wanted:g} h have passed."
        return Verdict(hours, wanted, met, text)


@criteria.register("pool_empty")
class PoolEmpty(Criterion):
    """Nothing is left to ask. Holds for every run, also where it is not chosen."""

    label = "Pool empty"
    help = "Ends when every item of the pool is labelled; always on."
    limit = True

    @classmethod
    def _check(cls, history: History, s: dict[str, Any]) -> Verdict:
        left = history[-1]["n_pool"]
        text = "Every item of the pool is labelled." if left == 0 else f"{plural(left, 'item')} of the pool without a label."
        return Verdict(left, 0, left == 0, text)
