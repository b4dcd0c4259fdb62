"""The conformance kit of template sources, as a base class for pytest."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import pytest

from nika_core.model.json import Json
from nika_core.plugin import Scope, Source, TemplateSource, Values
from nika_core.registry import Kind, Registry
from nika_core.registry.loading import make
from nika_core.testing import description_checks, source_checks


class TemplateSourceConformance:
    """Every rule for a template source, one test each.

        class TestVault(TemplateSourceConformance):
            word = "vault"
            samples = {"database.user": "ada"}

    Attributes:
        word: what stands before the dot.
        samples: paths, each with the value that it has.
        missing: a path that has no value; None if every path has one.
        environ, inputs: of the run in which the samples have their values.
        bindings: what a list or a loop gives the task with the samples, as in `Values.bindings`. The source is then
            asked alone, without a workflow.
        secrets: what secret sources have, by name: for a late source, which is then asked alone, without a workflow.
        tasks: what else is in its workflow, as items of a list in YAML: for a source whose paths name tasks.
    """

    word: ClassVar[str]
    samples: Mapping[str, Json]
    missing: str | None = "nikaNoSuchName"
    environ: Mapping[str, str] = MappingProxyType({})
    inputs: Mapping[str, Any] = MappingProxyType({})
    bindings: Mapping[str, Json] = MappingProxyType({})
    secrets: Mapping[str, str] = MappingProxyType({})
    tasks: str = ""

    def make(self) -> Source:
        """Make a source as the kernel does."""
        registry = Registry()
        source: Source = make(registry.record(Kind.TEMPLATE_SOURCE, self.word), self.description().source)
        return source

    def description(self) -> TemplateSource:
        """Return the plugin's description of the source."""
        return Registry().template_source(self.word)

    def test_its_description_and_its_entry_point_agree(self) -> None:
        description_checks.check_description(Kind.TEMPLATE_SOURCE, self.word)

    def test_importing_it_imports_nothing_heavy(self) -> None:
        description_checks.check_light_import(Kind.TEMPLATE_SOURCE, self.word)

    def test_importing_it_is_quiet(self) -> None:
        description_checks.check_quiet_import(Kind.TEMPLATE_SOURCE, self.word)

    def test_its_samples_have_their_values_in_a_workflow(self) -> None:
        if self.description().late:
            for path, value in self.samples.items():
                source_checks.check_late(self.make, self.word, path, value, self.secrets)
            return
        if self.bindings:
            for path, value in self.samples.items():
                source_checks.check_bound(self.make, self.word, path, value, self.bindings)
            return
        braces = self.description().default_source
        for path, value in self.samples.items():
            source_checks.check_resolves(self.word, path, value, self.tasks, braces=braces, **self._run())

    def test_a_value_that_is_missing_is_told_or_has_its_default(self) -> None:
        if self.missing is not None and self.bindings:
            source_checks.check_bound_default(self.make, self.word, self.missing, self.bindings)
            return
        if self.missing is None or self.description().default_source or self.description().late:
            pytest.skip("there is no path without a value, or none that `${...}` can name")
        source_checks.check_default(self.word, self.missing, self.tasks, **self._run())

    def _run(self) -> dict[str, Any]:
        return {"environ": dict(self.environ), "inputs": dict(self.inputs)}

    def test_no_placeholder_makes_it_raise_anything_else(self) -> None:
        values = Values(
            outputs={"a": {"b": [1]}},
            inputs={"a": {"b": [1]}},
            environ=dict(self.environ),
            bindings=dict(self.bindings),
        )
        source_checks.check_fails_well(self.make, self.word, values, Scope(bindings=frozenset(self.bindings)))

    def test_it_is_pure(self) -> None:
        samples = {} if self.description().late else self.samples
        source_checks.check_pure(self.word, samples, dict(self.environ), dict(self.bindings))
