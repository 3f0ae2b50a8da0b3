"""Signals against the direction of imports (see docs/architecture.md)."""

from django.dispatch import Signal

# Sent inside the transaction that stored the items of a data set. kwargs: dataset.
# annotation answers it by storing the imported verdicts.
dataset_imported = Signal()

# Sent when an export names a run. kwargs: run. learning answers with what its model says, {item_id: {"split", "prediction",
# "prediction_probability"}}, or any object with such a `get`; None: there is no model yet.
predictions_wanted = Signal()
