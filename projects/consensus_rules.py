"""How several answers to one item become one: the rules' names and what they mean. What they do: annotation/consensus.py."""

RULES: dict[str, tuple[str, str]] = {
    "majority": ("Majority", "The value that most people gave; a tie asks one person more."),
    "first": ("First answer", "The first answer holds; the others show how much people agree."),
    "unanimous": ("Unanimous", "All must say the same; anything else goes to a reviewer."),
    "weighted": (
        "Weighted",
        "Answers count by how reliable each person has been, estimated from all answers (Dawid and Skene, 1979).",
    ),
}


def rule_choices() -> list[tuple[str, str]]:
    return [(name, f"{title}: {meaning}") for name, (title, meaning) in RULES.items()]
