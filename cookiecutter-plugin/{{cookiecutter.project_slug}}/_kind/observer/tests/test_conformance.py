"""Whether the plugin keeps the promises of the interface."""

from nika_core.testing import ObserverConformance


class TestConformance(ObserverConformance):
    word = "{{cookiecutter.word}}"
    settings = {"file": "failures.txt"}
    failing = {"file": "no/such/folder/failures.txt"}
