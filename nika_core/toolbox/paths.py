"""Paths with values in them: a value names something in a folder, and does not lead out of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from nika_core import codes
from nika_core.errors import TemplateValueError
from nika_core.model.bounded import shorten
from nika_core.model.json import Json
from nika_core.model.template import Placeholder, Template
from nika_core.template.rendering import to_text

__all__ = ["path_within"]

_SHOWN: Final = 60


def path_within(
    template: Template | str, values: Sequence[Json], *, whole: bool = True, named_by_user: Collection[str] = ()
) -> str:
    """Return a path put together from a template; what its author wrote before the first value is a folder it stays in.

    `reports/{{name}}` stays in `reports`, and `{{name}}/out` in the workflow's folder. Links are not followed. In
    `${run.folder}/{{name}}`, the value may also be the whole path of something in that folder.

    Args:
        template: the path; a `str` where it has no placeholder.
        values: one for each placeholder, in order.
        whole: whether a value may be the whole path, and then lead anywhere.
        named_by_user: names of template sources whose values the user names, and no task: such a value at the beginning
            is the folder that the rest stays in, wherever it is.

    Raises:
        TemplateValueError: a value leads out of the folder, or has a NUL byte.
    """
    if isinstance(template, str):
        return template
    remaining = iter(values)
    pieces = [to_text(next(remaining)) if isinstance(part, Placeholder) else part for part in template.plan]
    path = "".join(str(piece) for piece in pieces)
    shown = template.placeholders[0].text if template.placeholders else template.text
    if "\0" in path:
        raise TemplateValueError(
            f"the value of {shown} holds a NUL byte, which no path can have", code=codes.VALUE_NOT_ALLOWED_HERE
        )
    if not template.placeholders or (whole and template.single is not None):
        return path
    first, after = template.placeholders[0], str(pieces[2])
    if not pieces[0] and {each.source for each in first.members} <= set(named_by_user):
        if not after and len(pieces) == 3:
            return path
        if after.startswith("/") and str(pieces[1]).strip("/"):
            base = str(pieces[1]).rstrip("/")
            rest = "".join(map(str, pieces[3:]))
            if after == "/" and rest.startswith(f"{base}/"):  # what a task prints of a folder in it, `mktemp -d`
                rest = rest[len(base) + 1 :]
            pieces = [f"{base}{after}", rest]
            path = "".join(map(str, pieces))
    folder, _, _ = str(pieces[0]).rpartition("/")
    inside = path[len(folder) + 1 :] if folder or str(pieces[0]).startswith("/") else path
    leads_out = not folder and not str(pieces[0]) and path.startswith("/")
    depth = 0
    for step in inside.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(step, 1)
        leads_out = leads_out or depth < 0
    if leads_out:
        where = f"the folder {folder}" if folder else "the workflow's folder"
        raise TemplateValueError(
            f"the value of {shown} leads out of {where}: {shorten(path, _SHOWN)!r}",
            code=codes.VALUE_NOT_ALLOWED_HERE,
            hint="a value is a path within the folder that is written before it, without .. that leads out of it",
        )
    return path
