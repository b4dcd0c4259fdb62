from __future__ import annotations

from nika_core.plugin import Category
from nika_core.testing import KeywordConformance


class TestFail(KeywordConformance):
    word = "fail"
    payload = {"message": "This must not go on."}
    failure = Category.VALIDATION
