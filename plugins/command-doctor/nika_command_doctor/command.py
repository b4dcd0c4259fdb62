"""`nika doctor`: what works here, and how to fix the rest."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import typer

from nika_command_doctor.findings import Finding, State, findings
from nika_core.plugin import CommandContext, Styled

_MARKS: Final = {
    State.OK: ("ok     ", "green"),
    State.WARNING: ("warning", "yellow"),
    State.PROBLEM: ("problem", "red"),
}


class Format(StrEnum):
    """How the report is printed."""

    PRETTY = "pretty"
    JSON = "json"


def doctor(
    context: typer.Context,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no model server.")] = False,
    format_: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.PRETTY,
) -> None:
    """Check what a run of the project needs: keys, servers, models, prices, plugins, terminal, history.

    The exit code is 1 if something keeps runs from working. No key is shown, and nothing is changed.
    """
    nika: CommandContext = context.obj
    nika.terminal.allow_colors(format_ is Format.PRETTY)
    found = []
    for each in findings(nika, ask=not offline):
        found.append(each)
        if format_ is Format.PRETTY:
            _show(nika, each)
    counts = {state: sum(each.state is state for each in found) for state in State}
    if format_ is Format.JSON:
        nika.terminal.print_json({"ok": not counts[State.PROBLEM], "findings": [_as_json(each) for each in found]})
    else:
        told = ", ".join(
            f"{counts[state]} {state.value}{'s' if counts[state] != 1 else ''}"
            for state in (State.PROBLEM, State.WARNING)
        )
        nika.terminal.print_message(told if counts[State.PROBLEM] else f"{told}: runs can start")
    if counts[State.PROBLEM]:
        raise typer.Exit(1)


def _show(nika: CommandContext, finding: Finding) -> None:
    mark, colour = _MARKS[finding.state]
    nika.terminal.print_data(Styled(mark, (colour,)), f"  {finding.area:<9} {finding.text}")
    if finding.fix:
        nika.terminal.print_data(f"{'':<20}fix: {finding.fix}")


def _as_json(finding: Finding) -> dict[str, str]:
    found = {"area": finding.area, "state": finding.state.value, "text": finding.text}
    return {**found, "fix": finding.fix} if finding.fix else found
