from __future__ import annotations

from nika_core.testing import TemplateSourceConformance


class TestEnvironment(TemplateSourceConformance):
    word = "env"
    samples = {"ACME_CITY": "Paris"}
    environ = {"ACME_CITY": "Paris"}
