"""What the kit asks of a source whose values come from a list or a loop: each check can fail."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from nika_core.errors import TemplateValueError
from nika_core.plugin import Json, Placeholder, Scope, Source, SourceReport, Values
from nika_core.testing import NotConformant
from nika_core.testing.source_checks import check_bound, check_bound_default

BINDINGS: dict[str, Json] = {"item": {"item": 3}}


class Honest(Source):
    """Reads the item."""

    def check(self, placeholder: Placeholder, scope: Scope, report: SourceReport) -> None:
        if "item" not in scope.bindings:
            report("there is no item here")

    def depends_on(self, placeholder: Placeholder) -> Iterable[str]:
        return ()

    def resolve(self, placeholder: Placeholder, values: Values) -> Json:
        try:
            value: Json = values.bindings["item"][placeholder.path[0]]
        except KeyError:
            raise TemplateValueError("there is no such value") from None
        return value


class Strict(Honest):
    def check(self, placeholder: Placeholder, scope: Scope, report: SourceReport) -> None:
        report("it is never fine")


class Lax(Honest):
    def check(self, placeholder: Placeholder, scope: Scope, report: SourceReport) -> None:
        pass


class Wrong(Honest):
    def resolve(self, placeholder: Placeholder, values: Values) -> Json:
        return "wrong"


class Failing(Honest):
    def resolve(self, placeholder: Placeholder, values: Values) -> Json:
        raise TemplateValueError("it has no value", code="NIKA-057")


def test_a_source_that_keeps_the_rules_passes() -> None:
    check_bound(Honest, "each", "item", 3, BINDINGS)
    check_bound_default(Honest, "each", "nothing", BINDINGS)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (Strict, "is refused: it is never fine"),
        (Lax, "is accepted in a task that has no item"),
        (Wrong, "is 'wrong', not 3"),
        (Failing, "fails: .*it has no value"),
    ],
)
def test_a_sample_needs_its_value_inside_and_a_problem_outside(source: type[Source], message: str) -> None:
    with pytest.raises(NotConformant, match=message):
        check_bound(source, "each", "item", 3, BINDINGS)


@pytest.mark.parametrize(
    ("source", "message"), [(Wrong, "not its default, or an error"), (Failing, "fails, although it has a default")]
)
def test_a_missing_value_needs_its_default_or_an_error(source: type[Source], message: str) -> None:
    with pytest.raises(NotConformant, match=message):
        check_bound_default(source, "each", "nothing", BINDINGS)
