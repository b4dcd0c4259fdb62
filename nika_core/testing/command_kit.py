"""The conformance kit of commands, as a base class for pytest."""

from __future__ import annotations

from typing import ClassVar

from nika_core.registry import Kind
from nika_core.testing import command_checks, description_checks


class CommandConformance:
    """Every rule for a command, one test each.

        class TestStats(CommandConformance):
            word = "stats"

    Attributes:
        word: what stands after `nika`.
    """

    word: ClassVar[str]

    def test_its_description_and_its_entry_point_agree(self) -> None:
        description_checks.check_description(Kind.COMMAND, self.word)

    def test_importing_it_imports_nothing_heavy(self) -> None:
        description_checks.check_light_import(Kind.COMMAND, self.word)

    def test_importing_it_is_quiet(self) -> None:
        description_checks.check_quiet_import(Kind.COMMAND, self.word)

    def test_its_help_says_how_to_use_it(self) -> None:
        command_checks.check_help(self.word)
