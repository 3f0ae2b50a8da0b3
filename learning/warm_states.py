"""The state of a training, kept with its round: see `engine.fit_warm`."""

import io

import numpy as np

from learning.models import Trial, WarmState


def load(trial: Trial) -> dict[str, np.ndarray] | None:
    """The state after the last committed round, or None."""
    kept = WarmState.objects.filter(trial=trial, round_number=trial.round_number).first()
    if kept is None:
        return None
    with np.load(io.BytesIO(bytes(kept.arrays)), allow_pickle=False) as arrays:
        return dict(arrays)


def packed(state: dict[str, np.ndarray] | None) -> bytes | None:
    """What `save` takes. Before the transaction: whoever packs megabytes inside it holds up all other writers meanwhile."""
    if state is None:
        return None
    buffer = io.BytesIO()
    np.savez(buffer, **state)
    return buffer.getvalue()


def save(trial: Trial, round_number: int, arrays: bytes | None) -> None:
    """Inside the transaction that commits the round; None: nothing goes on from here."""
    if arrays is None:
        WarmState.objects.filter(trial=trial).delete()
    else:
        WarmState.objects.update_or_create(trial=trial, defaults={"round_number": round_number, "arrays": arrays})
