"""The problems of one document as they are found, and their places."""

from __future__ import annotations

from collections.abc import Iterable

from nika_core import codes
from nika_core.document.validation.issues import ValidationIssue
from nika_core.document.yaml.path_locator import PathLocator
from nika_core.document.yaml.syntax_issues import MAX_ISSUES, SyntaxIssue
from nika_core.errors import Place, Problem, Severity


class ProblemList:
    """Collects problems: at most `MAX_ISSUES` errors and as many warnings are placed and kept."""

    def __init__(self, locator: PathLocator) -> None:
        self.locator = locator
        self.items: list[Problem] = []
        self.left_out: set[Severity] = set()  # severities of which some problems were left out
        self._seen: set[Problem] = set()
        self._count = dict.fromkeys(Severity, 0)

    def below(self, locator: PathLocator) -> ProblemList:
        """Return a list that adds to this one, with places from a locator of a part of the same document."""
        part = ProblemList(locator)
        part.items, part.left_out, part._seen, part._count = self.items, self.left_out, self._seen, self._count
        return part

    @property
    def full(self) -> bool:
        """Return whether there is no room for another error."""
        return not self._room(Severity.ERROR, look=True)

    def _room(self, severity: Severity, *, look: bool = False) -> bool:
        if self._count[severity] >= MAX_ISSUES:
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
        """Add a problem by its path in the document."""
        if self._room(severity):
            place = self.locator.place_of(path, at_key=at_key) if path else self.locator.source_map.place(0)
            self.items.append(Problem(code, message, place, hint, severity))

    def keep(self, count: int) -> None:
        """Drop all but the first `count` problems."""
        del self.items[count:]
        self.left_out.clear()
        for severity in Severity:
            self._count[severity] = sum(problem.severity is severity for problem in self.items)

    def add_problem(self, problem: Problem) -> None:
        """Add a problem that has its place, unless the same one (of another file, say) was added before."""
        if problem in self._seen:
            return
        self._seen.add(problem)
        if self._room(problem.severity):
            self.items.append(problem)

    def add_syntax_issue(self, issue: SyntaxIssue) -> None:
        """Add an issue that has an offset."""
        if self._room(issue.severity):
            place = self.locator.source_map.place(issue.start, issue.end)
            self.items.append(Problem(issue.code, issue.message, place, issue.hint, issue.severity))

    def add_issues(self, issues: Iterable[ValidationIssue], code: str, path: tuple[str | int, ...]) -> None:
        """Add what a validator reported about the node at `path`."""
        for issue in issues:
            if self._room(Severity.ERROR):
                full = (*path, *reversed(issue.path))
                place = issue.place or self.locator.place_of(full, at_key=issue.at_key, offset=issue.offset)
                self.items.append(Problem(issue.code or code, issue.message, place, issue.hint))

    def add_task_issues(self, issues: Iterable[ValidationIssue], code: str, node: object, entry: int) -> None:
        """Add what a validator reported about a node whose entry in `offsets` is known."""
        for issue in issues:
            if self._room(Severity.ERROR):
                path = tuple(reversed(issue.path))
                place = issue.place or self.locator.place_within(
                    node, entry, path, at_key=issue.at_key, offset=issue.offset, length=issue.length
                )
                self.items.append(Problem(issue.code or code, issue.message, place, issue.hint))

    def sorted(self, path: str) -> list[Problem]:
        """Return the problems in the order of the file, with a last one if some were left out."""
        problems = sorted(self.items, key=lambda problem: _order(problem.place))
        for severity in sorted(self.left_out):
            message = f"there are more {severity.value}s than these {self._count[severity]}"
            hint = "fix these, and validate again"
            problems.append(Problem(codes.COUNT_LIMIT, message, Place(path), hint, severity))
        return problems


def _order(place: Place | None) -> tuple[int, int]:
    return (0, 0) if place is None else (place.line or 0, place.column or 0)
