"""How cases are shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import nika_core as nika
from nika_core.plugin import Styled, Terminal


def show_case(case: nika.CaseResult, terminal: Terminal) -> None:
    """Print how a case ended: one line, and below it everything that was not as expected."""
    mark = Styled("✓", ("green",)) if case.passed else Styled("✗", ("red",))
    terminal.print_data(mark, f" {case.file}: {case.case.name} ({case.seconds * 1000:.0f} ms)")
    for place, message, hint, diff in faults(case):
        terminal.print_data(f"    {place}: {message}".replace("\n", "\n      "))
        for line in diff.splitlines():
            style = {"-": ("red",), "+": ("green",)}.get(line[:1], ("dim",))
            terminal.print_data("      ", Styled(line, style))
        if hint:
            terminal.print_data(f"      hint: {hint}")


def faults(case: nika.CaseResult) -> Iterator[tuple[str, str, str, str]]:
    """Yield what was wrong with a case: its place, a message, a hint or "", and a difference or ""."""
    for problem in case.problems:
        yield str(problem.place or case.case.place), f"[{problem.code}] {problem.message}", problem.hint or "", ""
    for unmet in case.unmet:
        expectation = unmet.expectation
        yield str(expectation.place), f"{expectation.title}: {unmet.message}", "", unmet.diff


def case_json(case: nika.CaseResult) -> dict[str, Any]:
    """Return how a case ended as JSON."""
    found: dict[str, Any] = {
        "file": str(case.file),
        "name": case.case.name,
        "passed": case.passed,
        "durationMs": round(case.seconds * 1000),
    }
    listed = [
        {"place": place, "message": message, **({"hint": hint} if hint else {}), **({"diff": diff} if diff else {})}
        for place, message, hint, diff in faults(case)
    ]
    if listed:
        found["faults"] = listed
    if case.result is not None:
        found["status"] = case.result.status.value
    return found


def money(usd: float) -> str:
    """Return US dollars with as many digits as small amounts need."""
    return f"${usd:.2f}" if usd >= 1 or not usd else f"${usd:.4f}"
