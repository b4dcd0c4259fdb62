"""The tags by which the processes of a run are known: soft limits of file locks, which are inherited (`guardian`)."""

from __future__ import annotations

import hashlib
import itertools
import secrets

from nika_core.toolbox.process.guardian import CALL_BITS

_calls = itertools.count(secrets.randbits(CALL_BITS))


def tag_of(run_id: str) -> int:
    """Return the tag of a run's guardian; those of its processes differ in the lowest bits."""
    digest = hashlib.blake2b(run_id.encode("utf-8", "replace"), digest_size=5).digest()
    return int.from_bytes(digest, "little") << CALL_BITS


def new_tag(run_id: str) -> int:
    """Return a tag for a process of a run and all that it starts."""
    most = (1 << CALL_BITS) - 1
    return tag_of(run_id) | (1 + next(_calls) % most)


def is_of_run(tag: int, run_tag: int) -> bool:
    """Return whether a tag belongs to a run."""
    return tag >> CALL_BITS == run_tag >> CALL_BITS
