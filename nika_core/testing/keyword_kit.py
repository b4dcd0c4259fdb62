"""The conformance kit of keywords, as a base class for pytest."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import pytest

from nika_core.errors import Category
from nika_core.model.json import Json, JsonObject
from nika_core.plugin import Keyword
from nika_core.registry import Kind, Registry
from nika_core.testing import description_checks, keyword_checks
from nika_core.testing.case import TASK, Case


class KeywordConformance:
    """Every rule for a keyword, one test each.

        class TestGreet(KeywordConformance):
            word = "greet"
            payload = {"who": "Ada"}

    Attributes:
        word: the keyword.
        payload: a payload with which it succeeds. A keyword that has only the short form has one field: its `primary`.
        failure: the category with which `payload` fails, for a keyword that never succeeds.
        slow: one with which it is busy for a minute, for the tests of cancellation and timeouts. A keyword that asks a
            model needs none: its model is then silent.
        large: one whose output has 100 MB or more.
        signal: what the sample is given when it waits (returns a `WaitFor`); it is then run again.
        answer: the answer to every question that the sample asks (`StepContext.ask`).
        secret: one with `${env.NIKA_CONFORMANCE_TOKEN}` in it, if the secret cannot be added to the sample.
        task, root, project, files, environ, inputs: see `Case`.
    """

    word: ClassVar[str]
    payload: JsonObject
    failure: Category | None = None
    slow: JsonObject | None = None
    large: JsonObject | None = None
    secret: JsonObject | None = None
    signal: Json = None
    answer: Json = None
    task: JsonObject = MappingProxyType({})
    root: JsonObject = MappingProxyType({})
    project: JsonObject = MappingProxyType({})
    files: Mapping[str, str] = MappingProxyType({})
    environ: Mapping[str, str] = MappingProxyType({})
    inputs: JsonObject = MappingProxyType({})

    def case(self) -> Case:
        """Return the sample."""
        return Case(
            word=self.word,
            payload=dict(self.payload),
            task=dict(self.task),
            root=dict(self.root),
            project=dict(self.project),
            files=dict(self.files),
            environ=dict(self.environ),
            inputs=dict(self.inputs),
            signal=self.signal,
            answer=self.answer,
        )

    def slow_case(self) -> Case:
        """Return the sample that keeps the keyword busy; skip the test if there is none."""
        keyword: Keyword = Registry().keyword(self.word)
        if self.slow is not None:
            return Case(**{**self.case().as_json(), "payload": dict(self.slow)})
        if keyword.needs_provider:
            return Case(**{**self.case().as_json(), "reply": None})
        return pytest.skip("no `slow` payload is given")

    def test_its_description_and_its_entry_point_agree(self) -> None:
        description_checks.check_description(Kind.KEYWORD, self.word)

    def test_importing_it_imports_nothing_heavy(self) -> None:
        description_checks.check_light_import(Kind.KEYWORD, self.word)

    def test_importing_it_is_quiet(self) -> None:
        description_checks.check_quiet_import(Kind.KEYWORD, self.word)

    def test_its_payload_refuses_unknown_keys_with_a_position(self) -> None:
        keyword_checks.check_refuses_unknown_keys(self.case())

    def test_it_runs_in_a_workflow_of_one_task(self) -> None:
        keyword_checks.check_runs(self.case(), failure=self.failure)

    def test_cancellation_ends_it_in_time_and_leaves_nothing(self) -> None:
        keyword_checks.check_cancellation(self.slow_case())

    def test_a_timeout_ends_it_and_nothing_else_waits_for_it(self) -> None:
        keyword_checks.check_timeout(self.slow_case())

    def test_its_output_is_bounded(self) -> None:
        if self.failure is not None:
            pytest.skip("it never has an output")
        keyword_checks.check_output_bounded(self.case(), self.large)

    def test_its_facets_are_pure_and_quick(self) -> None:
        keyword_checks.check_facets(self.case())

    def test_its_mock_output_has_the_shape_of_a_real_one(self) -> None:
        real = keyword_checks.check_runs(self.case(), failure=self.failure).task(TASK).output
        keyword_checks.check_mock(self.case(), real, has_like=self.failure is None, failure=self.failure)

    def test_secrets_in_its_payload_are_shown_nowhere(self) -> None:
        keyword_checks.check_secrets(self.case(), self.secret)

    def test_it_writes_nothing_to_stdout(self) -> None:
        keyword_checks.check_quiet(self.case())

    def test_it_leaves_nothing_behind_when_it_has_ended(self) -> None:
        keyword_checks.check_leftovers(self.case())
