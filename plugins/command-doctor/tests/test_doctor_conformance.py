"""Does the plugin keep what the interface promises?"""

from nika_core.testing import CommandConformance


class TestConformance(CommandConformance):
    word = "doctor"
