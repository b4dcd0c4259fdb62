"""Does the plugin keep what the interface promises?"""

from nika_core.testing import KeywordConformance


class TestConformance(KeywordConformance):
    word = "{{cookiecutter.word}}"
    payload = {"text": "Hello", "times": "2"}
