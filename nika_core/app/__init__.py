"""The one place that joins everything: open a project, load, check, plan, run, resume."""

from nika_core.app.opening import Nika
from nika_core.app.preparing import Prepared, RunOptions, prepare

__all__ = ["Nika", "Prepared", "RunOptions", "prepare"]
