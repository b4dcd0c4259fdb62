from __future__ import annotations

from nika_core.testing import TemplateSourceConformance


class TestState(TemplateSourceConformance):
    word = "state"
    tasks = """
    - {id: ends, echo: x}
    - {id: fails, echo: x, onError: continue, output: {format: json, schema: {type: integer}}}
    - {id: never, echo: x, when: "false"}
    """
    samples = {"ends": "success", "fails": "failed", "never": "skipped"}
    missing = None
