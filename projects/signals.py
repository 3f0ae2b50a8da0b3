"""Signals against the direction of imports (see docs/architecture.md)."""

from django.dispatch import Signal

# Sent inside the transaction that stored the items of a data set. kwargs: dataset.
# annotation answers it by storing the imported verdicts.
dataset_imported = Signal()
