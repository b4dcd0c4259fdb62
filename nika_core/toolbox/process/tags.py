"""The tags and marks by which the processes of a run are known.

A tag is a soft limit of file locks, which is inherited and which nothing resets, see `guardian`. A mark is a word in an
environment variable, which a process can easily lose, and which any system can show.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import secrets
from collections.abc import Mapping
from typing import Final

from nika_core.toolbox.process.proc import MARK

_CALL_BITS: Final = 23  # of a tag; the bits above are the run's
_LEAST_TAG: Final = 1 << (_CALL_BITS + 20)  # nobody sets a limit like this one; one run in a million has no tag
_calls = itertools.count(secrets.randbits(_CALL_BITS))


def tag_of(run_id: str) -> int:
    """Return the tag of a run's guardian; those of its processes differ in the lowest bits."""
    digest = hashlib.blake2b(run_id.encode("utf-8", "replace"), digest_size=5).digest()
    return int.from_bytes(digest, "little") << _CALL_BITS


def new_tag(run_id: str) -> int:
    """Return a tag for a process of a run and all that it starts."""
    most = (1 << _CALL_BITS) - 1
    return tag_of(run_id) | (1 + next(_calls) % most)


def is_of_run(tag: int, run_tag: int) -> bool:
    """Return whether a tag belongs to a run."""
    return tag >> _CALL_BITS == run_tag >> _CALL_BITS


def is_tag(limit: int) -> bool:
    """Return whether a limit of file locks is a tag."""
    return limit >= _LEAST_TAG


def mark_prefix(run_id: str) -> str:
    """Return the prefix of the marks of all processes of a run."""
    return "_".join(run_id.split()).replace("/", "_") + "/"


def new_mark(run_id: str) -> str:
    """Return a mark for a process of a run and all that it starts."""
    return mark_prefix(run_id) + secrets.token_hex(8)


def with_mark(env: Mapping[str, str], run_id: str) -> dict[str, str]:
    """Return `env` with a new mark of the run."""
    outer = os.environ.get(MARK, "")  # this Nika may itself be a task of another one
    environment = {name: value for name, value in env.items() if name != MARK}
    return environment | {MARK: f"{outer} {new_mark(run_id)}".strip()}
