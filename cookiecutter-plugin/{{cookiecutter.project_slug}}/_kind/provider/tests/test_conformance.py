"""Whether the plugin keeps the promises of the interface."""

from nika_core.testing import ProviderConformance


class TestConformance(ProviderConformance):
    word = "{{cookiecutter.word}}"
    model = "{{cookiecutter.word}}-1"
    wire = None  # no network; a provider with a server sets its wire format and `environ(url)`
