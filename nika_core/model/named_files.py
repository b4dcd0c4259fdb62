"""Files that a workflow names: they lie in its folder, or in that of its project."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from nika_core import codes
from nika_core.model.files import FileError
from nika_core.model.project import FILE_NAME


def find_project(start: Path) -> Path | None:
    """Return the project file of a folder or a file: in that folder, or in the nearest one above.

    The root of a repository and the home directory are the last ones: what is above may be anybody's.
    """
    start = start.absolute()
    home = os.path.realpath(os.path.expanduser("~"))  # noqa: PTH111  # `Path.home` raises where there is none
    for folder in (start, *start.parents):
        candidate = folder / FILE_NAME
        if os.path.lexists(candidate):  # what is not a file is refused, not skipped: its settings may narrow
            return candidate
        if os.path.realpath(folder) == home or os.path.lexists(folder / ".git"):
            return None
    return None


def require_own(path: Path) -> None:
    """Raise FileError if a file, a folder, or the link to it belongs neither to this user nor to root. Opens nothing.

    For what no user has named, but that is looked for under a name, and rules what is done: anybody who may write to a
    folder that is shared could put it there. What does not exist belongs to nobody.
    """
    if os.name != "posix":
        return
    for status in (os.lstat, os.stat):
        try:
            owner = status(path).st_uid
        except (OSError, ValueError):
            return
        if owner not in (os.geteuid(), 0):
            raise FileError(
                path,
                f"belongs to another user ({_user(owner)}), and is not used",
                code=codes.UNTRUSTED_FOLDER,
                hint=f"if you trust what is in it, make it yours: chown {_user(os.geteuid())} "
                f"{shlex.quote(str(path))}; else remove it, or work in a folder that is not below it",
            )


def _user(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def require_inside(path: Path, *folders: Path) -> None:
    """Raise FileError for a link that leads out of all these folders; without any, out of its own. Opens nothing.

    For files that no user has named, but that are looked for under a name.
    """
    if not path.is_symlink():
        return
    real = Path(os.path.realpath(path))
    if not any(real.is_relative_to(os.path.realpath(folder)) for folder in folders or (path.parent,)):
        hint = "replace the link by the file itself"
        raise FileError(path, "is a link that leads out of its folder, and is not followed", hint=hint)


def named_file(folder: Path, name: str) -> Path:
    """Return the path of a file that a workflow names, relative to the workflow's folder.

    Raises:
        FileError: it is absolute, or leads out of the folder and of the project that the folder belongs to, perhaps by
            a link. Nothing was opened.
    """
    path = folder / name
    project = find_project(folder)
    root = os.path.realpath(folder if project is None else project.parent)
    try:
        real = os.path.realpath(path)
    except ValueError:
        raise FileError(path, "has a name that no file can have") from None
    if Path(name).is_absolute():
        reason = "is an absolute path"
    elif real != root and not real.startswith(root.rstrip(os.sep) + os.sep):
        reason = "lies outside the workflow's folder and its project"
    else:
        return path
    raise FileError(path, reason, hint="copy the file into the workflow's folder, and name it relative to that")
