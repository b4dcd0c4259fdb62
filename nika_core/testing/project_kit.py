"""The conformance kit of project templates, as a base class for pytest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from nika_core.registry import Kind
from nika_core.testing import description_checks, project_checks

_NOTHING: Mapping[str, Any] = {}


class ProjectTemplateConformance:
    """Every rule for a project template, one test each.

        class TestSupport(ProjectTemplateConformance):
            word = "support"

    Attributes:
        word: what stands after `nika init --template`.
        inputs: the values of the workflow's inputs that have no default.
    """

    word: ClassVar[str]
    inputs: Mapping[str, Any] = _NOTHING

    def test_its_description_and_its_entry_point_agree(self) -> None:
        description_checks.check_description(Kind.PROJECT_TEMPLATE, self.word)

    def test_importing_it_imports_nothing_heavy(self) -> None:
        description_checks.check_light_import(Kind.PROJECT_TEMPLATE, self.word)

    def test_importing_it_is_quiet(self) -> None:
        description_checks.check_quiet_import(Kind.PROJECT_TEMPLATE, self.word)

    def test_its_project_is_valid(self, tmp_path: Path) -> None:
        project_checks.check_project(self.word, tmp_path)

    def test_its_workflow_runs_without_keys(self, tmp_path: Path) -> None:
        project_checks.check_project_runs(self.word, tmp_path, self.inputs)
