from __future__ import annotations

from nika_core.testing import TemplateSourceConformance


class TestSecret(TemplateSourceConformance):
    word = "secret"
    samples = {"token": "s3cret-value", "login.user": "ada"}
    secrets = {"token": "s3cret-value", "login": '{"user": "ada"}'}
