"""What `path/to/file.py::name` and `package.module::name` mean. Imports and executes nothing of it."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Final

from nika_core.plugin import named_file

_DOTTED: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
NODE_SUFFIXES: Final = frozenset({".js", ".mjs", ".ts"})


@dataclass(frozen=True, slots=True)
class Reference:
    """`where` is a path as written, or a module's dotted name; `kind` is file, module or node."""

    kind: str
    where: str
    name: str

    def path(self, folder: Path) -> Path | None:
        """Return its source; None for a module that is not found, or that has no source.

        Raises:
            FileError: it is a module of this folder, and a link leads from it out of the workflow's folder and its
                project. Nothing outside was looked at.
        """
        if self.kind != "module":
            return folder / self.where
        spec = self._spec(folder)
        return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None

    def module_is_known(self, folder: Path) -> bool:
        """Return whether the module is where modules usually are; an import hook may find it in spite of that."""
        return self.where.partition(".")[0] in sys.builtin_module_names or self._spec(folder) is not None

    def _spec(self, folder: Path) -> ModuleSpec | None:
        places: list[str] = [str(folder.absolute()), *sys.path]
        parts = self.where.split(".")
        spec = None
        for number, _ in enumerate(parts, 1):
            try:
                spec = PathFinder.find_spec(".".join(parts[:number]), places)
            except (ImportError, ValueError, OSError):
                return None
            if spec is not None:
                for place in (spec.origin or "", *(spec.submodule_search_locations or ())):
                    if Path(place).is_relative_to(folder.absolute()):
                        named_file(folder, os.path.relpath(place, folder))
            if spec is None or number == len(parts):
                break
            if spec.submodule_search_locations is None:  # no package: what is below it, only it knows (os.path)
                return ModuleSpec(self.where, None)
            places = list(spec.submodule_search_locations)
        return spec


def parse(text: str) -> Reference:
    """Parse a reference. Raise ValueError with what is wrong, as a sentence without an end."""
    where, separator, name = text.strip().rpartition("::")
    if not separator:
        raise ValueError(f"'{text}' names no function: it has no '::'")
    if not where or not name:
        raise ValueError(f"'{text}' lacks {'the function' if where else 'the file or module'}")
    suffix = os.path.splitext(where)[1]  # noqa: PTH122 - the path is text here, and may be one of another machine
    if suffix in NODE_SUFFIXES:
        kind = "node"
    elif suffix == ".py":
        kind = "file"
    elif _DOTTED.fullmatch(where):
        kind = "module"
    else:
        raise ValueError(f"'{where}' is neither a .py, .js, .mjs or .ts file nor a module's name")
    if not (_DOTTED.fullmatch(name) or (kind == "node" and re.fullmatch(r"[\w$]+", name))):
        raise ValueError(f"'{name}' cannot be a function's name")
    return Reference(kind, where, name)


HOW: Final = "write path/to/file.py::name, or package.module::name"
