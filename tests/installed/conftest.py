"""Real wheels in fresh environments, offline."""

from ..environments import Environment, bare, build_wheel, fresh, libraries, wheelhouse

__all__ = ["Environment", "bare", "build_wheel", "fresh", "libraries", "wheelhouse"]
