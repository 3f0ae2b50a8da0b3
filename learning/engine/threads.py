"""One thread for linear algebra: how many a machine has must not change a result, and workers share the machine."""

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController


@cache
def _controller() -> ThreadpoolController:
    import scipy.linalg  # noqa: F401 - BLAS libraries must be loaded before they are looked for
    import sklearn.linear_model  # noqa: F401

    return ThreadpoolController()


def one_thread() -> AbstractContextManager:
    """Within the block BLAS and OpenMP use one thread. Sums come out in the same order whatever the number of cores."""
    return _controller().limit(limits=1)
