"""The files of each project."""

from __future__ import annotations

from nika_core.plugin import read_project_files


def hello() -> dict[str, str]:
    """Return the files of the first steps."""
    return _files("hello")


def review() -> dict[str, str]:
    """Return the files of a project that reviews changes."""
    return _files("review")


def triage() -> dict[str, str]:
    """Return the files of a project that sorts mails."""
    return _files("triage")


def report() -> dict[str, str]:
    """Return the files of a project that reports on issues."""
    return _files("report")


def agent() -> dict[str, str]:
    """Return the files of a project with an agent and its tools."""
    return _files("agent")


def _files(name: str) -> dict[str, str]:
    return read_project_files("nika_project_starters", f"projects/{name}")
