"""The conformance kit of notifiers, as a base class for pytest."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from nika_core.plugin import Notifier
from nika_core.registry import Kind, Registry
from nika_core.testing import description_checks, notifier_checks, settings_checks


class NotifierConformance:
    """Every rule for a notifier, one test each.

        class TestInbox(NotifierConformance):
            word = "inbox"
            settings = {"file": "questions.txt"}
            failing = {"file": "no/such/folder/questions.txt"}

    Attributes:
        word: the notifier's name.
        settings: what stands under its key in a project file: with these a notice can be told.
        failing: settings with which it cannot; None: there are none, and no test.
        slow: settings with which telling takes longer than a second; None: there are none, and no test.
        environ: environment variables beside PATH and HOME.
    """

    word: ClassVar[str]
    settings: Any = {}  # noqa: RUF012  # an author's subclass replaces it
    failing: Any = None
    slow: Any = None
    environ: Mapping[str, str] = {}

    @pytest.fixture(autouse=True)
    def _folder_of_the_project(self, tmp_path: Path) -> None:
        self.folder = tmp_path.resolve()

    @property
    def timeout(self) -> float:
        """Return the seconds that the description gives it."""
        return Registry().notifier(self.word).timeout

    def make(self, settings: Any = None) -> list[Notifier]:
        """Make the notifiers of the sample's settings as the kernel does."""
        small = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        chosen = self.settings if settings is None else settings
        return notifier_checks.make_all(self.word, chosen, {**small, **self.environ}, self.folder)

    def test_its_description_and_its_entry_point_agree(self) -> None:
        description_checks.check_description(Kind.NOTIFIER, self.word)

    def test_importing_it_imports_nothing_heavy(self) -> None:
        description_checks.check_light_import(Kind.NOTIFIER, self.word)

    def test_importing_it_is_quiet(self) -> None:
        description_checks.check_quiet_import(Kind.NOTIFIER, self.word)

    def test_its_settings_refuse_unknown_keys(self) -> None:
        settings_checks.check_strict_settings(self.word, self.settings)

    def test_it_tells_of_a_question(self) -> None:
        notifier_checks.check_tells(self.make, self.timeout)

    def test_it_tells_whatever_the_question_says(self) -> None:
        notifier_checks.check_any_notice(self.make, self.timeout)

    def test_it_tells_of_many_questions_at_once(self) -> None:
        notifier_checks.check_at_once(self.make, self.timeout)

    def test_it_leaves_nothing_and_blocks_nothing(self) -> None:
        notifier_checks.check_leaves_nothing(self.make, self.timeout)

    def test_what_cannot_be_told_is_an_error_for_the_user(self) -> None:
        if self.failing is None:
            pytest.skip("there is no sample that fails")
        notifier_checks.check_reports_failure(lambda: self.make(self.failing), self.timeout)

    def test_its_time_ends_it(self) -> None:
        if self.slow is None:
            pytest.skip("there is no sample that is slow")
        notifier_checks.check_cancel(lambda: self.make(self.slow))
