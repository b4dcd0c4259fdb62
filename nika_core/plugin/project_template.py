"""What a project template is: the files with which `nika init --template NAME` begins a project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nika_core.values import dataclass

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectTemplate:
    """Describe a project template.

    Attributes:
        name: what a user writes after `nika init --template`; also the name of the entry point.
        summary: one sentence: what the project does.
        files: "package.module:function" that takes no argument and returns the text of each file, by its path in the
            project with `/` between folders. `NAME.nika.yaml` is the workflow that `nika run` runs then, unless a
            `nika.yaml` among the files says something else. Without a `nika.yaml` the project has one that names this
            workflow and the mock provider; without a `.gitignore`, one that leaves the history of runs out.
    """

    name: str
    summary: str
    files: str


def read_project_files(package: str, folder: str) -> dict[str, str]:
    """Return the text of each file in a folder of an installed package, by its path there, as `files` returns it.

    Args:
        package: the package's name, such as `__package__` of the module that calls.
        folder: the folder's path in it.
    """
    from importlib.resources import files  # what every run imports does without it

    return dict(_texts(files(package) / folder, ""))


def _texts(folder: Traversable, above: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for each in sorted(folder.iterdir(), key=lambda each: each.name):
        if each.is_file():
            found.append((above + each.name, each.read_text("utf-8")))
        elif each.name != "__pycache__":
            found += _texts(each, f"{above}{each.name}/")
    return found
