"""The conformance kit of backends, as a base class for pytest."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from nika_core.registry import Kind
from nika_core.testing import backend_checks, description_checks
from nika_core.testing.backend_checks import EVERYTHING, FAILING, BackendRuns


class BackendConformance:
    """Every rule for a backend, one test each. Its server and a worker have to be there: override `url` to start them.

        class TestInline(BackendConformance):
            word = "inline"

    Attributes:
        word: the backend's name.
        shared: whether the machines share a folder, which is then passed.
    """

    word: ClassVar[str]
    shared: ClassVar[bool] = False

    @pytest.fixture
    def url(self) -> str:
        """Return the address of the backend. A worker that does every keyword of this machine has to be there."""
        return f"{self.word}://"

    @pytest.fixture
    def runs(self, url: str, tmp_path: Path) -> BackendRuns:
        """Return what runs workflows."""
        (tmp_path / ".git").mkdir()  # no project file above counts
        return BackendRuns(url, tmp_path, tmp_path if self.shared else None)

    def test_its_description_and_its_entry_point_agree(self) -> None:
        description_checks.check_description(Kind.BACKEND, self.word)

    def test_importing_it_imports_nothing_heavy(self) -> None:
        description_checks.check_light_import(Kind.BACKEND, self.word)

    def test_importing_it_is_quiet(self) -> None:
        description_checks.check_quiet_import(Kind.BACKEND, self.word)

    def test_a_run_ends_as_on_one_machine(self, runs: BackendRuns) -> None:
        backend_checks.check_same(runs, EVERYTHING)

    def test_a_run_fails_as_on_one_machine(self, runs: BackendRuns) -> None:
        backend_checks.check_same(runs, FAILING)

    def test_events_come_once_and_in_order(self, runs: BackendRuns) -> None:
        backend_checks.check_events(runs)

    def test_a_signal_answers_a_question(self, runs: BackendRuns) -> None:
        backend_checks.check_question(runs)

    def test_a_cancelled_run_ends_with_its_tasks(self, runs: BackendRuns) -> None:
        backend_checks.check_cancelled_run(runs)

    def test_a_run_that_is_not_there_is_an_error_for_the_user(self, runs: BackendRuns) -> None:
        backend_checks.check_unknown_run(runs)

    def test_no_two_runs_have_one_id(self, runs: BackendRuns) -> None:
        backend_checks.check_once(runs)
