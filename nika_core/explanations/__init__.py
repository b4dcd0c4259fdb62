"""What `nika explain CODE` says of every code of the kernel; the reference page of codes is made from it too.

The texts stand in the YAML files of this folder, one entry for each code, in the order in which they are shown.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

import yaml

from nika_core.plugin.explanation import Explanation

_LAYERS: Final = ("documents", "templates", "limits", "plugins", "running")


def _layer(name: str) -> list[Explanation]:
    text = files(__name__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return [Explanation(**entry) for entry in yaml.safe_load(text)]


EXPLANATIONS: Final[dict[str, Explanation]] = {
    explanation.code: explanation for layer in _LAYERS for explanation in _layer(layer)
}

__all__ = ["EXPLANATIONS"]
