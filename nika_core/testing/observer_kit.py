"""The conformance kit of observers, as a base class for pytest."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from nika_core.plugin import Observer
from nika_core.registry import Kind
from nika_core.testing import description_checks, observer_checks, settings_checks


class ObserverConformance:
    """Every rule for an observer, one test each.

        class TestFailures(ObserverConformance):
            word = "failures"
            settings = {"file": "failures.txt"}
            failing = {"file": "no/such/folder/failures.txt"}

    Attributes:
        word: the observer's name.
        settings: what stands under its key in a project file: with these it takes note.
        failing: settings with which it cannot; None: there are none, and no test.
        environ: environment variables beside PATH and HOME.
    """

    word: ClassVar[str]
    settings: Any = {}  # noqa: RUF012  # an author's subclass replaces it
    failing: Any = None
    environ: Mapping[str, str] = {}

    @pytest.fixture(autouse=True)
    def _folder_of_the_project(self, tmp_path: Path) -> None:
        self.folder = tmp_path.resolve()

    def make(self, settings: Any = None) -> Observer:
        """Make the observer of the sample's settings as the kernel does."""
        small = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        chosen = self.settings if settings is None else settings
        return observer_checks.make_observer(self.word, chosen, {**small, **self.environ}, self.folder)

    def test_its_description_and_its_entry_point_agree(self) -> None:
        description_checks.check_description(Kind.OBSERVER, self.word)

    def test_importing_it_imports_nothing_heavy(self) -> None:
        description_checks.check_light_import(Kind.OBSERVER, self.word)

    def test_importing_it_is_quiet(self) -> None:
        description_checks.check_quiet_import(Kind.OBSERVER, self.word)

    def test_its_settings_refuse_unknown_keys(self) -> None:
        settings_checks.check_strict_settings(self.word, self.settings)

    def test_it_takes_note_of_a_run(self) -> None:
        observer_checks.check_observes(self.make)

    def test_it_takes_note_whatever_happens(self) -> None:
        observer_checks.check_any_event(self.make)

    def test_it_takes_note_of_much_and_of_a_run_that_breaks_off(self) -> None:
        observer_checks.check_many_events(self.make)

    def test_it_leaves_no_thread(self) -> None:
        observer_checks.check_leaves_no_thread(self.make)

    def test_what_it_cannot_note_is_an_error_for_the_user(self) -> None:
        if self.failing is None:
            pytest.skip("there is no sample that fails")
        observer_checks.check_failure(lambda: self.make(self.failing))
