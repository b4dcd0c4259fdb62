"""Whether the plugin keeps the promises of the interface."""

from nika_core.testing import CommandConformance


class TestConformance(CommandConformance):
    word = "{{cookiecutter.word}}"
