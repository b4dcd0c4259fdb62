"""The one place that joins everything: open a project, load, check, plan, run, resume."""

from nika_core.app.prepared_run import PreparedRun, prepare
from nika_core.app.run_options import RunOptions
from nika_core.app.workspace import Workspace

__all__ = ["PreparedRun", "RunOptions", "Workspace", "prepare"]
