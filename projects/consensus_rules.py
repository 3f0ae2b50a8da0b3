"""How several answers to one item become one: the rules' names and what they mean. What they do: annotation/consensus.py."""

from projects.task_types import TaskType

RULES: dict[str, tuple[str, str]] = {
    "majority": ("Majority", "The value that most people gave; a tie asks one person more."),
    "first": ("First answer", "The first answer holds; the others show how much people agree."),
    "unanimous": ("Unanimous", "All must say the same; anything else goes to a reviewer."),
    "weighted": (
        "Weighted",
        "Answers count by how reliable each person has been, estimated from all answers (Dawid and Skene, 1979).",
    ),
}


def rule_choices(task: TaskType | None = None) -> list[tuple[str, str]]:
    """For a select; of a task type those that it can have."""
    names = RULES if task is None else task.rules
    return [(name, "{}: {}".format(*RULES[name])) for name in names]


def rule_problem(rule: str, task: TaskType) -> str:
    """Why a project of this task type cannot have the rule; "" where it can."""
    if rule in task.rules:
        return ""
    possible = ", ".join(RULES[name][0] for name in task.rules)
    return f"The rule {RULES[rule][0]} is for items with one label each. Possible here: {possible}."
