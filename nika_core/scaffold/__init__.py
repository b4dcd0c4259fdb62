"""A new project: files that run at once, offline."""

from nika_core.scaffold.project import Made, make_project

__all__ = ["Made", "make_project"]
