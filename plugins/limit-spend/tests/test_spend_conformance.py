from __future__ import annotations

from nika_core.testing import LimitPolicyConformance


class TestSpend(LimitPolicyConformance):
    word = "spend"
    variables = ("NIKA_MAX_COST_DAY", "NIKA_MAX_COST_USER_DAY", "NIKA_SPEND_ZONE", "NIKA_SPEND_DATABASE")
