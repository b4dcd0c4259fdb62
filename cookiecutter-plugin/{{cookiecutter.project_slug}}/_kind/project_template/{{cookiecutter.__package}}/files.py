"""The files of the project: those in the folder `project` of this package."""

from __future__ import annotations

from nika_core.plugin import read_project_files


def project_files() -> dict[str, str]:
    """Return the text of each file, by its path in the project."""
    return read_project_files("{{cookiecutter.__package}}", "project")
