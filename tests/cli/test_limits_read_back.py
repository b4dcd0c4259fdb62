"""What `nika limits` prints can be set: each value, as it is printed, is the value again."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nika_limit_env.values import Range, parse

from nika_core.cli.limits_command import value_text
from nika_core.errors import UsageError
from nika_core.model.limits import Limit, Unit

from .conftest import Nika


def test_every_default_can_be_set_as_it_is_printed(nika: Nika, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = [line for line in nika("limits").out.splitlines() if line.startswith("NIKA_")]
    values = {line.split()[0]: re.split(r" {2,}", line)[1] for line in printed}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    again = [line for line in nika("limits").out.splitlines() if line.startswith("NIKA_")]
    assert [re.split(r" {2,}", line)[:2] for line in again] == [re.split(r" {2,}", line)[:2] for line in printed]


@given(st.sampled_from([Unit.USD, Unit.COUNT, Unit.BYTES]), st.integers(min_value=1, max_value=99_999))
def test_a_printed_value_is_read_as_that_value(unit: Unit, number: int) -> None:
    limit = Limit("some", number, unit, "NIKA_SOME")
    assert parse("NIKA_SOME", value_text(limit), unit, Range()) == number


@pytest.mark.parametrize(
    ("text", "unit"), [("$", Unit.USD), ("$$1", Unit.USD), ("$1", Unit.COUNT), ("1 byte s", Unit.BYTES)]
)
def test_what_only_looks_like_it_is_refused(text: str, unit: Unit) -> None:
    with pytest.raises(UsageError):
        parse("NIKA_SOME", text, unit, Range())
