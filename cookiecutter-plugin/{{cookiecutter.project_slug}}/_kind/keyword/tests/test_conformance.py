"""Whether the plugin keeps the promises of the interface."""

from nika_core.testing import KeywordConformance


class TestConformance(KeywordConformance):
    word = "{{cookiecutter.word}}"
    payload = {"text": "Hello", "times": "2"}
