"""How time grows: of the processor, whatever else runs on the machine."""

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
                begin = time.process_time()
                work(n)
                times.append(time.process_time() - begin)
            return min(times)

        return best(4 * size) / max(best(size), 20e-6)

    return measure
