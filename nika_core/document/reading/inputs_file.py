"""A strict YAML file of inputs. Their types are declared by the workflow."""

from __future__ import annotations

from typing import Any

from nika_core.document.reading.yaml_file import parse_file
from nika_core.document.validation.json_tree import plain_tree, typed_tree
from nika_core.errors import ProblemsError
from nika_core.model.clock import Clock
from nika_core.model.limits import Limits


def load_inputs(text: str, path: str, limits: Limits | None = None, *, clock: Clock | None = None) -> Any:
    """Return inputs by name, scalars as text as from the command line; None or a text if the file holds no mapping.

    Within a list or a mapping, which only an input of the type json takes, plain scalars that are exactly JSON have
    its types.

    Raises:
        ProblemsError: it is not strict YAML; all that is wrong, with places.
    """
    tree, problems = parse_file(text.removeprefix("\ufeff"), path, limits or Limits(), clock)
    if problems.items:
        raise ProblemsError(problems.items)
    if not isinstance(tree.root, dict):
        return tree.root
    root = typed_tree(tree.root)
    return {key: plain_tree(tree.root[key]) if isinstance(tree.root[key], str) else root[key] for key in root}
