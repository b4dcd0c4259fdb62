from __future__ import annotations

from nika_core.testing import TemplateSourceConformance


class TestRun(TemplateSourceConformance):
    word = "run"
    samples: dict[str, str] = {}  # every run has an id of its own: see test_run_source.py
    missing = None
