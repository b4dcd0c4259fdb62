"""The error of a conformance check."""

from __future__ import annotations


class NotConformant(AssertionError):  # noqa: N818  # an assertion that failed, not an error of the program
    """A rule of the plugin interface is broken. `rule` is the check's name; the message says what was seen."""

    def __init__(self, rule: str, seen: str) -> None:
        super().__init__(f"{rule}: {seen}")
        self.rule = rule
        self.seen = seen


def require(holds: object, rule: str, seen: str) -> None:
    """Raise NotConformant if `holds` is false."""
    if not holds:
        raise NotConformant(rule, seen)
