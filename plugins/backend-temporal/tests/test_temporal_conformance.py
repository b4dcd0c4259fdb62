"""Whether the plugin keeps the promises of the interface, on a real server with a real worker."""

from __future__ import annotations

from typing import Any

import pytest

from nika_core.testing import BackendConformance

pytestmark = pytest.mark.beside


class TestConformance(BackendConformance):
    word = "temporal"

    @pytest.fixture
    def url(self, server: Any, worker: Any) -> str:
        return str(server.url)
