"""What goes against the direction of imports: annotation tells learning, or asks it (see docs/architecture.md)."""

from django.dispatch import Signal

# Sent inside the transaction that stored the answer. kwargs: queries (list of annotation.Query whose state changed).
answers_changed = Signal()

# Asked where people disagree under the rule `weighted`. kwargs: project. A receiver gives {user id: weight from 0 up}.
weights_wanted = Signal()
