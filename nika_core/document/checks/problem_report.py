"""What a facet is given to report problems with."""

from __future__ import annotations

from typing import Final

from nika_core.errors import Place, Problem, Severity

_MAX_PROBLEMS: Final = 100  # of one question to a plugin


class ProblemReport:
    """Keeps what a plugin reports, as long as it is not too much.

    Attributes:
        problems: what was reported.
    """

    def __init__(self, code: str) -> None:
        """Args: code: of a problem that is reported without one."""
        self.problems: list[Problem] = []
        self._code = code

    def __call__(
        self,
        message: str,
        place: Place,
        *,
        code: str | None = None,
        hint: str | None = None,
        severity: Severity = Severity.ERROR,
    ) -> None:
        """See `nika_core.plugin.Report`."""
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(Problem(code or self._code, message, place, hint, severity))
