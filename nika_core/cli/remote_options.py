"""On which backend a command works."""

from __future__ import annotations

from pathlib import Path

import nika_core as nika
from nika_core import codes
from nika_core.cli.options import LAST
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


def where(run: str, on: str | None, shared: Path | None = None) -> tuple[str, str | None, Path | None]:
    """Return a run, and the address and the shared folder of its backend; no address: it is on this machine."""
    known = _submitted(run)
    if known is None or on not in (None, known.url):
        return run, on, shared
    return known.run_id, known.url, shared or (None if known.shared is None else Path(known.shared))


def _submitted(run: str) -> nika.backends.SubmittedRun | None:
    """Return what is known here of a run on a backend; None: nothing.

    Args:
        run: its id, a unique beginning of it, or `last`: then the newest run must not be one of this machine.
    """
    index = nika.backends.index()
    known = index.runs()[0:1] if run == LAST else list(filter(None, [index.find(run)]))
    if not known or known[0].run_id == run:
        return known[0] if known else None
    here = nika.runs.list()
    if run == LAST:
        return None if here and here[0].started_at > known[0].submitted_at else known[0]
    return None if any(each.run_id.startswith(run) for each in here) else known[0]
