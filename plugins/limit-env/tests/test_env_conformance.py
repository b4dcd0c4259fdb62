from __future__ import annotations

from nika_core.testing import LimitPolicyConformance


class TestEnvironment(LimitPolicyConformance):
    word = "env"
    variables = ("NIKA_MAX_TASKS", "NIKA_MAX_COST", "NIKA_MAX_OUTPUT", "NIKA_SAMPLE_TIMEOUT", "NIKA_MAX_SAMPLE")
