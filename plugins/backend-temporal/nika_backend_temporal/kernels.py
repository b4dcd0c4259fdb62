"""The kernel of this process, for workflows: Temporal makes them, so it cannot be handed to them."""

from __future__ import annotations

from nika_core.plugin import BackendKernel

_KERNEL: list[BackendKernel] = []


def use_kernel(kernel: BackendKernel) -> None:
    """Use this kernel for every run that is driven in this process."""
    _KERNEL[:] = [kernel]


def the_kernel() -> BackendKernel:
    """Return the kernel of this process."""
    return _KERNEL[0]
