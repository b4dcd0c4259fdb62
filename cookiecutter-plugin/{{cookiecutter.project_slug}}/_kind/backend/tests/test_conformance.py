"""Whether the plugin keeps the promises of the interface."""

from nika_core.testing import BackendConformance


class TestConformance(BackendConformance):
    word = "{{cookiecutter.word}}"
