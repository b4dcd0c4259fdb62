"""New projects: workflows that run at once, offline, and plugins that pass their own tests."""

from nika_core.scaffold.plugin_template import NewPlugin, make_plugin
from nika_core.scaffold.project import Made, make_project

__all__ = ["Made", "NewPlugin", "make_plugin", "make_project"]
