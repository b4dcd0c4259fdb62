"""New projects: workflows that run at once, offline, and plugins that pass their own tests."""

from nika_core.scaffold.plugin_template import KINDS, NewPlugin, make_plugin
from nika_core.scaffold.project import Made, make_project

__all__ = ["KINDS", "Made", "NewPlugin", "make_plugin", "make_project"]
