"""On which backend a command works."""

from __future__ import annotations

import nika_core as nika
from nika_core import codes
from nika_core.errors import UsageError


def url_of(workspace: nika.Workspace, on: str | None) -> str:
    """Return the backend's address: the one that was given, else the project's. Raise UsageError if there is none."""
    url = on or project_url(workspace)
    if url is None and workspace.project.backend is not None:
        raise UsageError(
            f"`backend: {workspace.project.backend}` of nika.yaml counts only if the project is trusted",
            code=codes.UNTRUSTED_FOLDER,
            place=workspace.project.at(("backend",)),
            hint="read it; if you agree: nika trust; or name the backend yourself: --on",
        )
    if url is None:
        raise UsageError("on which backend?", code=codes.USAGE, hint="--on URL, e.g. temporal://localhost:7233/default")
    return url


def project_url(workspace: nika.Workspace) -> str | None:
    """Return the `backend:` of nika.yaml, if the project is trusted: a folder must not send what is in it elsewhere."""
    url = workspace.project.backend
    return url if url is not None and workspace.trust.may_widen("backend") else None
