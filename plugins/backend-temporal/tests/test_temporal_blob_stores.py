"""Large values in a store that fsspec knows, in place of a shared folder."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from nika_backend_temporal import blob_stores
from nika_backend_temporal.blob_stores import BlobStore, FolderStore, FsspecStore, blob_store
from nika_backend_temporal.large_payloads import INLINE, LargePayloads
from temporalio.api.common.v1 import Payload

from nika_core.plugin import UsageError

pytestmark = pytest.mark.beside
LARGE = Payload(metadata={"encoding": b"json/plain"}, data=b"x" * (INLINE + 1))


@pytest.fixture(params=["folder", "memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    """Return a store of each kind."""
    if request.param == "folder":
        return FolderStore(tmp_path / "blobs")
    return FsspecStore(f"memory://{uuid.uuid4()}" if request.param == "memory" else f"file://{tmp_path}/deep/blobs")


async def test_what_is_large_lies_in_the_store_and_comes_back(store: BlobStore) -> None:
    codec = LargePayloads(store)
    small = Payload(metadata={"encoding": b"json/plain"}, data=b"{}")

    sent = await codec.encode([LARGE, small])
    again = await codec.encode([LARGE])

    assert len(sent[0].data) == 64
    assert sent[1] == small
    assert again == sent[:1]  # by its digest
    assert await codec.decode(sent) == [LARGE, small]


async def test_what_is_damaged_or_gone_is_an_error_that_says_so(store: BlobStore) -> None:
    codec = LargePayloads(store)
    [sent] = await codec.encode([LARGE])
    absent = Payload(metadata=sent.metadata, data=b"0" * 64)
    store.put("0" * 64, b"something else")
    gone = Payload(metadata=sent.metadata, data=b"1" * 64)

    with pytest.raises(UsageError, match="is damaged"):
        await codec.decode([absent])
    with pytest.raises(UsageError, match="cannot be read"):
        await codec.decode([gone])
    with pytest.raises(UsageError, match="give --shared DIR, or the blob store in the address"):
        await LargePayloads(None).decode([sent])


def test_a_store_that_cannot_be_used_is_told_with_its_fix(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    def error(url: str) -> str:
        with pytest.raises(UsageError) as raised:
            blob_store(None, url).put("ab", b"")  # type: ignore[union-attr]  # a URL always has a store
        return f"{raised.value.message} | {raised.value.hint}"

    assert "it has no scheme | write it like s3://" in error("bucket/folder")
    assert "Protocol not known" in error("nowhere://x")
    assert "has a user or a password" in error("s3://key:s3cret@bucket")
    assert "s3cret" not in error("s3://key:s3cret@bucket")
    assert "cannot be written to the blob store" in error(f"file://{tmp_path}/file")
    monkeypatch.setattr(blob_stores, "_PACKAGE", "no_such_package")
    assert "no_such_package is not installed | pip install 'nika-backend-temporal[fsspec]'" in error("memory://x")


def test_a_run_of_two_processes_hands_large_values_on_through_the_store(
    own_namespace: Any, workers: Any, nika: Any, folder: Path
) -> None:
    blobs = folder / "store"
    url = f"{own_namespace.url}?blobs={quote(f'file://{blobs}')}"
    (folder / "large.txt").write_text("x" * 3_000_000)
    (folder / "w.nika.yaml").write_text(
        """
inputs: {text: {type: string}}
tasks:
  - {id: copy, shell: {command: cat, stdin: "${input.text}"}}
  - {id: size, shell: {command: wc -c, stdin: "{{copy}}"}}
"""
    )
    run = ("w.nika.yaml", "-i", "text=@large.txt", "--format", "json")
    workers.start(url=url)

    refused = nika("run", "--on", own_namespace.url, *run, folder=folder)
    done = nika(
        "run", "--on", url, *run, folder=folder, environ=dict.fromkeys(("NIKA_MAX_SHELL", "NIKA_MAX_OUTPUT"), "4MB")
    )
    listed = nika("runs", "list", "--on", own_namespace.url, "--format", "json", folder=folder)

    assert refused.returncode == 2
    assert "travel without a shared folder" in refused.stderr + refused.stdout
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tasks"][1]["output"] == "3000000"
    assert [run["status"] for run in json.loads(listed.stdout)["runs"]] == ["ended"]  # how, this address cannot say
    assert sum(path.stat().st_size for path in blobs.rglob("*") if path.is_file()) > 3_000_000
