"""The problems of one document as they are found, and their places."""

from __future__ import annotations

from collections.abc import Iterable

from nika_core import codes
from nika_core.document.validation.issues import Fault
from nika_core.document.yaml.path_locator import Places
from nika_core.document.yaml.syntax_issues import MAX_FINDINGS, Finding
from nika_core.errors import Place, Problem, Severity


class ProblemList:
    """Collects; of many errors, and of many warnings, only so many are placed and kept."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.found: list[Problem] = []
        self.left_out: set[Severity] = set()  # of what there was more
        self._told: set[Problem] = set()
        self._count = dict.fromkeys(Severity, 0)

    @property
    def full(self) -> bool:
        """Whether there is no room for another error."""
        return not self._room(Severity.ERROR, look=True)

    def _room(self, severity: Severity, *, look: bool = False) -> bool:
        if self._count[severity] >= MAX_FINDINGS:
            if not look:
                self.left_out.add(severity)
            return False
        if not look:
            self._count[severity] += 1
        return True

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
        """A problem of the document's own reading, by path."""
        if self._room(severity):
            place = self.places.of(path, at_key=at_key) if path else self.places.positions.place(0)
            self.found.append(Problem(code, message, place, hint, severity))

    def keep(self, count: int) -> None:
        """Forget all but the first `count`."""
        del self.found[count:]
        self.left_out.clear()
        for severity in Severity:
            self._count[severity] = sum(problem.severity is severity for problem in self.found)

    def problem(self, problem: Problem) -> None:
        """One that has its place; the same one again (of a file beside the workflow, say) is told once."""
        if problem in self._told:
            return
        self._told.add(problem)
        if self._room(problem.severity):
            self.found.append(problem)

    def finding(self, finding: Finding) -> None:
        """One that knows its offset."""
        if self._room(finding.severity):
            place = self.places.positions.place(finding.start, finding.end)
            self.found.append(Problem(finding.code, finding.message, place, finding.hint, finding.severity))

    def faults(self, faults: Iterable[Fault], code: str, path: tuple[str | int, ...]) -> None:
        """What a validator found in the node at `path`."""
        for fault in faults:
            if self._room(Severity.ERROR):
                full = (*path, *reversed(fault.path))
                place = self.places.of(full, at_key=fault.at_key, offset=fault.offset)
                self.found.append(Problem(fault.code or code, fault.message, place, fault.hint))

    def task_faults(self, faults: Iterable[Fault], code: str, node: object, entry: int) -> None:
        """The same for a node whose entry is known."""
        for fault in faults:
            if self._room(Severity.ERROR):
                path = tuple(reversed(fault.path))
                place = self.places.within(
                    node, entry, path, at_key=fault.at_key, offset=fault.offset, length=fault.length
                )
                self.found.append(Problem(fault.code or code, fault.message, place, fault.hint))

    def sorted(self, path: str) -> list[Problem]:
        """In the order of the file; and a word where there were more."""
        found = sorted(self.found, key=lambda problem: _order(problem.place))
        for severity in sorted(self.left_out):
            message = f"there are more {severity.value}s than these {self._count[severity]}"
            hint = "mend these, and validate again"
            found.append(Problem(codes.COUNT_LIMIT, message, Place(path), hint, severity))
        return found


def _order(place: Place | None) -> tuple[int, int]:
    return (0, 0) if place is None else (place.line or 0, place.column or 0)
