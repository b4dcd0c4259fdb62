"""`nika limits`: each limit, its value, and where it came from."""

from __future__ import annotations

from typing import Annotated

import typer

import nika_core as nika
from nika_core.cli.console import format_table, print_data, print_json
from nika_core.cli.options import Format, FormatOption
from nika_core.cli.problems import print_project_warnings
from nika_core.model.limits import Limit, Unit

KeywordsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEYWORD]...", help="Include the limits of these keywords, which do not come with Nika."),
]


def limits_command(keywords: KeywordsArgument = None, format_: FormatOption = Format.PRETTY) -> None:
    """Every limit, its value and where it came from."""
    workspace = nika.Workspace.open()
    found = nika.limits(*(keywords or ()), workspace=workspace)
    print_project_warnings(workspace)
    if format_ is Format.JSON:
        print_json({"limits": [nika.to_json(limit) for limit in found]})
    else:
        rows = [(limit.name, value_text(limit), limit.origin, limit.policy) for limit in found]
        print_data(format_table(("LIMIT", "VALUE", "FROM", "POLICY"), rows))


def value_text(limit: Limit) -> str:
    """Return a limit's value as its author would write it."""
    match limit.unit:
        case Unit.BYTES:
            for size, unit in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")):
                if limit.value >= size and limit.value % size == 0:
                    return f"{limit.value / size:g}{unit}"
            return f"{limit.value:g} bytes"
        case Unit.SECONDS:
            return f"{limit.value:g}s" if limit.value >= 1 or not limit.value else f"{limit.value * 1000:g}ms"
        case Unit.USD:
            return f"${limit.value:g}"
        case Unit.COUNT | Unit.TOKENS:
            return f"{limit.value:g}" if limit.value < 1e6 else f"{limit.value:.0f}"
