from __future__ import annotations

from nika_core.testing import TemplateSourceConformance


class TestError(TemplateSourceConformance):
    word = "error"
    tasks = """
    - {id: ends, echo: x}
    - {id: fails, echo: x, onError: continue, output: {format: json, schema: {type: integer}}}
    """
    samples = {"fails.category": "validation", "fails.output": "x"}
    missing = "ends.message"
