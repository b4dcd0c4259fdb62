"""Whether the plugin keeps the promises of the interface."""

from nika_core.testing import NotifierConformance


class TestConformance(NotifierConformance):
    word = "{{cookiecutter.word}}"
    settings = {"file": "questions.txt"}
    failing = {"file": "no/such/folder/questions.txt"}
