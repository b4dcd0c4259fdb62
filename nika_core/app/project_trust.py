"""What a project file may widen: nothing, unless the user trusts the file and no organization's file forbids it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from nika_core import codes
from nika_core.app.organization import OrganizationFile
from nika_core.app.trust import VARIABLE, TrustStore, trusted_by_variable
from nika_core.errors import Problem, Severity
from nika_core.model.project import FILE_NAME, Project


class ProjectTrust:
    """Judges what a project file widens, and keeps what it refused.

    Attributes:
        asked: what was asked for, such as `http.allow`.
        refused: what was asked for and does not count; each with the organization's file that forbids it, or None if
            the file is not trusted.
    """

    def __init__(
        self, project: Project, environ: Mapping[str, str], organization: Sequence[OrganizationFile] = ()
    ) -> None:
        self.asked: set[str] = set()
        self.refused: dict[str, OrganizationFile | None] = {}
        self._project = project
        self._environ = environ
        self._organization = organization

    @cached_property
    def by_variable(self) -> bool | None:
        """What NIKA_TRUST says; None if it is not set. Raises UsageError if it is malformed."""
        return None if self._project.path is None else trusted_by_variable(self._environ, self._project.path)

    @cached_property
    def decision(self) -> bool | None:
        """Whether the user trusts the file as it is now; None if that was never decided. Raises UsageError."""
        if self.by_variable is not None:
            return self.by_variable
        return TrustStore(self._environ).decision(self._project)

    def may_widen(self, key: str) -> bool:
        """Return whether what `key` widens counts, e.g. `http.allow`, `prices`, `limits.maxCost`."""
        self.asked.add(key)
        forbidding = next((each for each in self._organization if not each.may_widen(key)), None)
        if self.decision is True and forbidding is None:
            return True
        self.refused[key] = forbidding if self.decision is True else None
        return False

    def warnings(self) -> Iterator[Problem]:
        """Yield what the user should know of the refused keys: one warning for each reason."""
        for forbidding in {each and each.path: each for each in self.refused.values()}.values():
            keys = sorted(key for key, reason in self.refused.items() if reason is forbidding)
            named = " and ".join(filter(None, (", ".join(f"`{key}`" for key in keys[:-1]), f"`{keys[-1]}`")))
            does = "does" if len(keys) == 1 else "do"
            place = self._project.at(tuple(keys[0].split(".")), at_key=True)
            if forbidding is None:
                folder = shlex.quote(str(self._project.folder))
                yield Problem(
                    codes.UNTRUSTED_FOLDER,
                    f"{named} of {FILE_NAME} {does} not count: a file that is not trusted widens nothing",
                    place,
                    f"read it; if you agree: nika trust {folder} (in CI: {VARIABLE}={folder})",
                    Severity.WARNING,
                )
            else:
                yield Problem(
                    codes.ORGANIZATION_POLICY,
                    f"{named} of {FILE_NAME} {does} not count: {forbidding.path} lets no project file widen this",
                    place,
                    "remove it, or ask the people who maintain that file",
                    Severity.WARNING,
                )
