"""What joins the parts of the kernel: projects are opened, workflows checked, planned, run and resumed."""

from nika_core.app.prepared_run import PreparedRun, prepare
from nika_core.app.run_options import RunOptions
from nika_core.app.workspace import Workspace

__all__ = ["PreparedRun", "RunOptions", "Workspace", "prepare"]
