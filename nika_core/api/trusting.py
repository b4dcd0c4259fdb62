"""Whether the project file of a folder may widen what is done."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from nika_core.api.options import WorkspaceOptions, open_workspace
from nika_core.app.results import FolderTrust
from nika_core.app.trust import VARIABLE, TrustDecision, TrustStore
from nika_core.app.workspace import Workspace
from nika_core.errors import UsageError
from nika_core.model.project import FILE_NAME


def trust_status(**options: Unpack[WorkspaceOptions]) -> FolderTrust:
    """Return whether the user trusts the project file of a folder as it is now, and what it widens.

    Args:
        options: see `WorkspaceOptions`.

    Raises:
        NikaError: the project cannot be opened.
    """
    workspace = open_workspace(None, options)
    trust = workspace.trust
    if workspace.project.path is None:
        return FolderTrust(None, None)
    as_trusted = Workspace.open(workspace.start, environ={**workspace.environ, VARIABLE: "1"}, clock=workspace.clock)
    _ = list(as_trusted.warnings()), list(as_trusted.all_limits())  # each part is asked for
    widens = tuple(sorted(as_trusted.trust.asked))
    return FolderTrust(workspace.project.path, trust.decision, widens, trust.by_variable is not None)


def trust(**options: Unpack[WorkspaceOptions]) -> FolderTrust:
    """Trust the project file of a folder as it is now: what it widens counts until it changes. Return its status.

    Args:
        options: see `WorkspaceOptions`.

    Raises:
        UsageError: there is no project file, or the decision cannot be recorded.
    """
    return _decide(open_workspace(None, options), trusted=True)


def decline_trust(**options: Unpack[WorkspaceOptions]) -> FolderTrust:
    """Record that the project file of a folder, as it is now, is not trusted. Return its status.

    Args:
        options: see `WorkspaceOptions`.

    Raises:
        UsageError: there is no project file, or the decision cannot be recorded.
    """
    return _decide(open_workspace(None, options), trusted=False)


def forget_trust(folder: str | Path, environ: Mapping[str, str] | None = None) -> int:
    """Remove what was decided of the project file of a folder, whatever stood in it then; return how many decisions.

    Args:
        folder: the folder; it need not be there any more.
        environ: the environment variables; without it, those of this process.
    """
    return TrustStore(os.environ if environ is None else environ).forget(Path(folder))


def trust_decisions(environ: Mapping[str, str] | None = None) -> tuple[TrustDecision, ...]:
    """Return every recorded decision, by path.

    Args:
        environ: the environment variables; without it, those of this process.
    """
    return tuple(TrustStore(os.environ if environ is None else environ))


def _decide(workspace: Workspace, *, trusted: bool) -> FolderTrust:
    status = trust_status(workspace=workspace)
    if status.path is None:
        raise UsageError(
            f"there is no {FILE_NAME} in {workspace.start}, nor above it", hint="name the folder of a project"
        )
    TrustStore(workspace.environ).decide(workspace.project, trusted=trusted)
    return replace(status, trusted=trusted) if not status.by_variable else status
