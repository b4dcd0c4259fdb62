"""`nika limits`: each limit, its value, and where it came from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any

import typer

import nika_core as nika
from nika_core.cli.console import format_table, print_data, print_json
from nika_core.cli.options import Format, FormatOption
from nika_core.cli.problems import print_project_warnings
from nika_core.errors import NikaError
from nika_core.model.limits import Limit, Unit

KeywordsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEYWORD]...", help="Include the limits of these keywords, which do not come with Nika."),
]


def limits_command(keywords: KeywordsArgument = None, format_: FormatOption = Format.PRETTY) -> None:
    """List every limit, its value and where it came from."""
    workspace = nika.Workspace.open()
    found = nika.limits(*(keywords or ()), workspace=workspace)
    print_project_warnings(workspace)
    left: Mapping[str, float] = {}
    unreadable = None
    try:
        left = nika.limits_left(workspace=workspace)
    except NikaError as error:  # the limits are shown all the same
        unreadable = error
    if format_ is Format.JSON:
        print_json({"limits": [_as_json(limit, left) for limit in found]})
    else:
        rows = [(limit.name, value_text(limit), limit.origin, limit.policy, limit.told_purpose()) for limit in found]
        print_data(format_table(("LIMIT", "VALUE", "FROM", "POLICY", "PURPOSE"), rows))
        for measure, amount in left.items():
            bound = min((limit for limit in found if limit.measure == measure), key=lambda limit: limit.value)
            print_data(f"{value_text(replace(bound, value=amount))} of {value_text(bound)} is left ({bound.name})")
    if unreadable is not None:
        raise unreadable


def _as_json(limit: Limit, left: Mapping[str, float]) -> dict[str, Any]:
    """Return a limit; `value` is null if it limits nothing, and `left` is there if runs share it."""
    shown: dict[str, Any] = {**nika.to_json(limit), "value": limit.value if math.isfinite(limit.value) else None}
    return {**shown, "left": left[limit.measure]} if limit.measure in left else shown


def value_text(limit: Limit) -> str:
    """Return a limit's value as its author would write it, exactly; `none` if it limits nothing."""
    if not math.isfinite(limit.value):
        return "none"
    value = Decimal(repr(limit.value))
    match limit.unit:
        case Unit.BYTES:
            for size, unit in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")):
                if limit.value >= size and limit.value % size == 0:
                    return f"{_digits(value / size)}{unit}"
            return f"{_digits(value)} bytes"
        case Unit.SECONDS:
            return f"{_digits(value)}s" if value >= 1 or not value else f"{_digits(value * 1000)}ms"
        case Unit.USD:
            return f"${_digits(value)}"
        case Unit.COUNT | Unit.TOKENS:
            return _digits(value)


def _digits(value: Decimal) -> str:
    """Return a number without an exponent and without zeros at its end: `10`, `2.5`."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
