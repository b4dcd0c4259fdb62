"""What a project says of its runs, as OpenAI's `metadata` takes it. Pure."""

from __future__ import annotations

from typing import Final

from nika_core.plugin import ModelRequest

# OpenAI's own bounds: https://platform.openai.com/docs/api-reference/responses/create
_PAIRS: Final = 16
_KEY: Final = 64  # characters
_VALUE: Final = 512


def metadata_of(request: ModelRequest) -> dict[str, str]:
    """Return the labels that OpenAI takes, with the ids of the run and the task; {} for a project without labels."""
    taken = {key: value for key, value in request.labels.items() if _fits(key, value)}
    if not taken:
        return {}
    own = {"nika_run": request.run[:_VALUE], "nika_task": request.task[:_VALUE]}
    return {**own, **dict(list(taken.items())[: _PAIRS - len(own)])}


def labels_left_out(request: ModelRequest) -> list[str]:
    """Return the names of the labels that OpenAI does not take."""
    return [key for key in request.labels if key not in metadata_of(request)]


def _fits(key: str, value: str) -> bool:
    return len(key) <= _KEY and len(value) <= _VALUE
