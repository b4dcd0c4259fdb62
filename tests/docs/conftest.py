"""What the book's pages are followed with."""

from ..environments import libraries, wheelhouse

__all__ = ["libraries", "wheelhouse"]
