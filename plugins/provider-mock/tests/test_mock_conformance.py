from __future__ import annotations

from nika_core.testing import ProviderConformance


class TestMock(ProviderConformance):
    word = "mock"
    model = "mock"
    wire = None
