"""Does the plugin keep what the interface promises?"""

from nika_core.testing import ProviderConformance


class TestConformance(ProviderConformance):
    word = "{{cookiecutter.word}}"
    model = "{{cookiecutter.word}}-1"
    wire = None  # no network; one that has a server names its wire format and `environ(url)`
