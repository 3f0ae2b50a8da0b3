"""The one signal against the direction of imports: annotation tells learning that answers came in (see docs/architecture.md)."""

from django.dispatch import Signal

# Sent inside the transaction that stored the answer. kwargs: queries (list of annotation.Query whose state changed).
answers_changed = Signal()
