"""Whether the plugin keeps the promises of the interface."""

from nika_core.testing import TemplateSourceConformance


class TestConformance(TemplateSourceConformance):
    word = "{{cookiecutter.word}}"
    environ = {"{{cookiecutter.__variable}}_PLACE": '{"name": "Paris"}'}
    samples = {"place.name": "Paris"}
