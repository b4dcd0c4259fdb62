"""The strict reading of scenario files: everything that is wrong is collected, with its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from nika_core.errors import Place
from nika_core.model.nearest import nearest

DocumentPath: TypeAlias = tuple[str | int, ...]


class ScenarioError(ValueError):
    """A scenario file is wrong.

    Attributes:
        problems: what is wrong, one sentence each, with the place before it.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class ScenarioReader:
    """Checks the values of one file. Each method returns an empty value for one that is wrong.

    Args:
        path: the file.
        place_of: finds the place of a value; None: only the value's path is shown.
    """

    def __init__(self, path: str, place_of: Callable[..., Place] | None = None) -> None:
        self._path = path
        self._place_of = place_of
        self._problems: list[str] = []

    def problem(self, at: DocumentPath, message: str, *, at_key: bool = False) -> None:
        """Add a problem."""
        place = self._path if self._place_of is None or not at else str(self._place_of(at, at_key=at_key))
        where = f"{'.'.join(map(str, at))}: " if at else ""
        self._problems.append(f"{place}: {where}{message}")

    def finish(self) -> None:
        """Raise ScenarioError if there was a problem."""
        if self._problems:
            raise ScenarioError(self._problems)

    def mapping(
        self, value: Any, at: DocumentPath, known: Sequence[str] | None = None, *, required: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Return a mapping, {} for None.

        Args:
            known: the keys that it may have; None: any.
        """
        if not isinstance(value, Mapping) and (value is not None or required):
            self.problem(at, f"expected a mapping, not {_shown(value)}")
            return {}
        entry = dict(value or {})
        words = tuple(entry) if known is None else known
        for key in [key for key in entry if key not in words]:
            like = nearest(str(key), words)
            meant = f": is `{like}` meant?" if like else f": expected {', '.join(words)}"
            self.problem((*at, key), f"unknown key `{key}`{meant}", at_key=True)
        for key in required:
            if key not in entry:
                self.problem(at, f"`{key}` is missing")
        return entry

    def sequence(self, value: Any, at: DocumentPath) -> list[Any]:
        """Return a list, [] for None."""
        if isinstance(value, list) or value is None:
            return value or []
        self.problem(at, f"expected a list, not {_shown(value)}")
        return []

    def texts(self, value: Any, at: DocumentPath) -> dict[str, str]:
        """Return a mapping of texts; numbers are written as in the file."""
        entry = self.mapping(value, at)
        for name, text in entry.items():
            if isinstance(text, Mapping | list) or text is None:
                self.problem((*at, name), f"expected a text, not {_shown(text)}")
        return {str(name): str(text) for name, text in entry.items()}

    def text(self, value: Any, at: DocumentPath) -> None:
        """Check a text, or None."""
        if value is not None and not isinstance(value, str):
            self.problem(at, f"expected a text, not {_shown(value)}: write it in quotes")

    def truth(self, value: Any, at: DocumentPath) -> None:
        """Check true, false or None."""
        if value is not None and not isinstance(value, bool):
            self.problem(at, f"expected true or false, not {_shown(value)}")

    def one_of(self, value: Any, at: DocumentPath, words: Sequence[str]) -> str | None:
        """Return one of `words`, or None."""
        if value is None or (isinstance(value, str) and value in words):
            return value
        self.problem(at, f"expected one of {', '.join(words)}, not {_shown(value)}")
        return None

    def number(
        self, value: Any, at: DocumentPath, *, least: float, most: float = float("inf"), whole: bool = False
    ) -> float | None:
        """Return a number within bounds, or None."""
        if value is None:
            return None
        kinds = int if whole else int | float
        if isinstance(value, kinds) and not isinstance(value, bool) and least <= value <= most:
            return float(value)
        bounds = f"of at least {least:g}" if most == float("inf") else f"from {least:g} to {most:g}"
        self.problem(at, f"expected a {'whole ' if whole else ''}number {bounds}, not {_shown(value)}")
        return None


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else repr(value)[:60]
