from __future__ import annotations

from nika_core.testing import TemplateSourceConformance


class TestEach(TemplateSourceConformance):
    word = "each"
    samples = {"item": {"a": [1]}, "item.a.0": 1, "index": 2, "number": 3, "key": "ada"}
    missing = "item.b"
    bindings = {"item": {"item": {"a": [1]}, "index": 2, "number": 3, "key": "ada"}}
