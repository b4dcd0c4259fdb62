"""Whether the plugin keeps the promises of the interface."""

from nika_core.testing import ProjectTemplateConformance


class TestConformance(ProjectTemplateConformance):
    word = "{{cookiecutter.word}}"
