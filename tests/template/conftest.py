"""How time grows."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest


@pytest.fixture
def elapsed_ratio() -> Callable[[Callable[[int], object], int], float]:
    """Time for four times the size over time for the size, best of several; about 4 where it is linear."""

    def measure(work: Callable[[int], object], size: int) -> float:
        def best(n: int) -> float:
            times = []
            for _ in range(3):
                begin = time.perf_counter()
                work(n)
                times.append(time.perf_counter() - begin)
            return min(times)

        return best(4 * size) / max(best(size), 20e-6)

    return measure
