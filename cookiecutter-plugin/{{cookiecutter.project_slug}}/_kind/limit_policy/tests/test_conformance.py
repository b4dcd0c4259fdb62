"""Whether the plugin keeps the promises of the interface."""

from nika_core.testing import LimitPolicyConformance


class TestConformance(LimitPolicyConformance):
    word = "{{cookiecutter.word}}"
    variables = [
        "{{cookiecutter.__variable}}_MAX_COST",
        "{{cookiecutter.__variable}}_MAX_TOTAL",
        "{{cookiecutter.__variable}}_MODELS",
    ]
