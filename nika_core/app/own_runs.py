"""Whether a run was recorded here by this user, or came with a folder: a history can say anything of a run.

What a run was started with is signed with a key of the user, together with its id and the folder of its history.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from nika_core.journal import Journal, RunInfo, signed_text
from nika_core.model.files import FileError, read_file
from nika_core.model.user_folders import user_folder
from nika_core.values import replace

_NAME: Final = "history-key"
_BYTES: Final = 32


def signed(info: RunInfo, journal: Journal, run_id: str) -> RunInfo:
    """Return what a history has of a run, with the user's signature; without one if the user's key cannot be kept."""
    key = _key(os.environ) or _made_key(os.environ)
    return info if key is None else replace(info, signature=_signature(key, info, journal, run_id))


def is_own(info: RunInfo, journal: Journal, run_id: str) -> bool:
    """Return whether this user recorded the run, in this folder, and what it was started with is as it was then."""
    key = _key(os.environ)
    return key is not None and secrets.compare_digest(
        info.signature.encode("utf-8", "replace"), _signature(key, info, journal, run_id).encode()
    )


def _signature(key: bytes, info: RunInfo, journal: Journal, run_id: str) -> str:
    text = f"{run_id}\n{os.path.realpath(journal.folder)}\n{signed_text(info)}"
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), key=key, digest_size=_BYTES).hexdigest()


def sealed(text: str, *, make_key: bool = False) -> str | None:
    """Return this user's signature of a text; None: the user's key cannot be used.

    Args:
        make_key: make the key if there is none yet.
    """
    key = _key(os.environ) or (_made_key(os.environ) if make_key else None)
    if key is None:
        return None
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=key, digest_size=_BYTES).hexdigest()


def _path(environ: Mapping[str, str]) -> Path:
    return user_folder(environ, "XDG_DATA_HOME") / _NAME


def _key(environ: Mapping[str, str]) -> bytes | None:
    """Return the user's key; None: there is none yet, or it cannot be used."""
    try:
        key = read_file(_path(environ), _BYTES)
    except FileError:
        return None
    return key if len(key) == _BYTES else None


def _made_key(environ: Mapping[str, str]) -> bytes | None:
    """Make the user's key. Of several processes that do so at once, one wins. None: it cannot be written."""
    path = _path(environ)
    beside = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(_BYTES))
            with suppress(FileExistsError):  # another process was first; what is not a key stays, and is none
                os.link(beside, path)
        finally:
            beside.unlink()
    except OSError:
        return None
    return _key(environ)
