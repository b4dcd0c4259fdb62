"""Where large values lie: in a folder that all machines share, or in a store that fsspec knows, such as S3."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from nika_core.plugin import FileError, UsageError, codes, read_file

_EXTRA: Final = "pip install 'nika-backend-temporal[fsspec]'"
_PACKAGE: Final = "fsspec"
_ANY: Final = 1 << 40  # bytes: whatever a run has written may be read


class BlobStore(Protocol):
    """Keeps bytes by their digest. Called from threads."""

    def put(self, name: str, data: bytes) -> None:
        """Keep bytes; what is there stays. Raise NikaError."""
        ...

    def get(self, name: str) -> bytes:
        """Return bytes. Raise NikaError."""
        ...


class FolderStore:
    """A folder that all machines share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, name: str, data: bytes) -> None:
        """Keep bytes: others may write the same at the same time, and never see half of them."""
        path = self._folder / name[:2] / name
        if path.exists():
            return
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside = path.with_name(f"{path.name}.{os.getpid()}.{id(data)}")
            beside.write_bytes(data)
            beside.replace(path)
        except OSError as error:
            raise _failed("written to the shared folder", error) from None

    def get(self, name: str) -> bytes:
        """Return bytes."""
        try:
            return read_file(self._folder / name[:2] / name, _ANY)
        except FileError as error:
            raise _failed("read from the shared folder", error) from None


class FsspecStore:
    """A store that fsspec knows. Its drivers find their credentials themselves, mostly in the environment."""

    def __init__(self, url: str) -> None:
        """Open a store. Raise UsageError if its driver is not installed, or the address makes no sense."""
        if "://" not in url:
            raise _unusable(url, "it has no scheme", "write it like s3://bucket/folder; a folder is --shared DIR")
        parts = urlsplit(url)
        if parts.username or parts.password:
            raise _unusable(
                parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(),
                "it has a user or a password",
                "give the credentials of the store to its driver, mostly by environment variables",
            )
        try:
            core: Any = importlib.import_module(f"{_PACKAGE}.core")
        except ImportError:
            raise _unusable(url, f"{_PACKAGE} is not installed", _EXTRA) from None
        try:
            self._files, self._root = core.url_to_fs(url)
        except ImportError as error:
            raise _unusable(url, str(error), "install it on this machine and on each worker") from None
        except Exception as error:  # whatever the driver of a store raises
            raise _unusable(url, f"{type(error).__name__}: {error}", "correct the address") from None

    def put(self, name: str, data: bytes) -> None:
        """Keep bytes. What is half written by somebody else is noticed by its digest, and read again."""
        folder, path = self._path(name)
        try:
            if self._files.exists(path):
                return
            self._files.makedirs(folder, exist_ok=True)
            self._files.pipe_file(path, data)
        except Exception as error:
            raise _failed("written to the blob store", error) from None

    def get(self, name: str) -> bytes:
        """Return bytes."""
        try:
            return bytes(self._files.cat_file(self._path(name)[1]))
        except Exception as error:
            raise _failed("read from the blob store", error) from None

    def _path(self, name: str) -> tuple[str, str]:
        folder = f"{self._root.rstrip('/')}/{name[:2]}"
        return folder, f"{folder}/{name}"


def blob_store(shared: str | None, url: str) -> BlobStore | None:
    """Return where large values lie: at a URL, else in the shared folder, else nowhere. Raise UsageError."""
    if url:
        return FsspecStore(url)
    return None if shared is None else FolderStore(Path(shared, "blobs"))


def _unusable(url: str, why: str, hint: str) -> UsageError:
    return UsageError(f"the blob store {url!r} cannot be used: {why}", code=codes.USAGE, hint=hint)


def _failed(what: str, error: Exception) -> UsageError:
    text = str(error) or type(error).__name__
    return UsageError(f"a large value of the run cannot be {what}: {text}", code=codes.EXECUTION_FAILED)
