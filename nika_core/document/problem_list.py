"""The problems of one document as they are found, and their places."""

from __future__ import annotations

from collections.abc import Iterable

from nika_core.document.faults import Fault
from nika_core.document.findings import MAX_FINDINGS, Finding
from nika_core.document.places import Places
from nika_core.errors import Problem, Severity


class ProblemList:
    """Collects; of many problems only so many are placed and kept, `left_out` counts the others."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.found: list[Problem] = []
        self.left_out = 0

    @property
    def full(self) -> bool:
        """Whether there is no room for another one."""
        return len(self.found) >= MAX_FINDINGS

    def add(
        self,
        code: str,
        message: str,
        path: tuple[str | int, ...],
        *,
        hint: str | None = None,
        at_key: bool = False,
        severity: Severity = Severity.ERROR,
    ) -> None:
        if self.full:
            self.left_out += 1
            return
        place = self.places.of(path, at_key=at_key) if path else self.places.positions.place(0)
        self.found.append(Problem(code, message, place, hint, severity))

    def problem(self, problem: Problem) -> None:
        """One that has its place."""
        if self.full:
            self.left_out += 1
        else:
            self.found.append(problem)

    def finding(self, finding: Finding) -> None:
        """A problem that knows its offset."""
        place = self.places.positions.place(finding.start, finding.end)
        self.found.append(Problem(finding.code, finding.message, place, finding.hint, finding.severity))

    def faults(self, faults: Iterable[Fault], code: str, path: tuple[str | int, ...]) -> None:
        """What a validator found in the node at `path`."""
        for fault in faults:
            if self.full:
                self.left_out += 1
                continue
            full = (*path, *reversed(fault.path))
            place = self.places.of(full, at_key=fault.at_key, offset=fault.offset)
            self.found.append(Problem(fault.code or code, fault.message, place, fault.hint))

    def task_faults(self, faults: Iterable[Fault], code: str, node: object, entry: int) -> None:
        """The same for a task, whose entry is known."""
        for fault in faults:
            if self.full:
                self.left_out += 1
                continue
            path = tuple(reversed(fault.path))
            place = self.places.within(node, entry, path, at_key=fault.at_key, offset=fault.offset, length=fault.length)
            self.found.append(Problem(fault.code or code, fault.message, place, fault.hint))
