"""What of a file is the secret, and which files are refused."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from nika_secret_files.source import MAX_BYTES, SecretFiles, variables

from nika_core.plugin import Category, SecretSourceSetup, TaskError


def fetch(folder: Path, name: str = "token", **environ: str) -> str | None:
    setup = SecretSourceSetup(None, {"NIKA_SECRETS_DIR": str(folder), **environ}, folder)
    return asyncio.run(SecretFiles(setup).fetch(name))


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"s3cret", "s3cret"),
        (b"s3cret\n", "s3cret"),
        (b"s3cret\r\n", "s3cret"),
        (b"s3cret\n\n", "s3cret\n"),  # one line break is the editor's, two are the author's
        (b"  s3cret  \n", "  s3cret  "),
        (b"-----BEGIN-----\nabc\n-----END-----\n", "-----BEGIN-----\nabc\n-----END-----"),
        ("pä55wörd".encode(), "pä55wörd"),
        (b"\xef\xbb\xbfs3cret", "\ufeffs3cret"),
        (b"x" * MAX_BYTES, "x" * MAX_BYTES),
    ],
)
def test_a_file_is_the_secret_without_one_line_break_at_its_end(tmp_path: Path, content: bytes, secret: str) -> None:
    (tmp_path / "token").write_bytes(content)
    assert fetch(tmp_path) == secret


def refused(path: Path, how: str) -> None:
    match how:
        case "empty":
            path.write_bytes(b"")
        case "one line break":
            path.write_bytes(b"\n")
        case "huge":
            path.write_bytes(b"x" * (MAX_BYTES + 1))
        case "binary":
            path.write_bytes(b"\xff\xfes3cret")
        case "NUL":
            path.write_bytes(b"s3cr\x00et")
        case "directory":
            path.mkdir()
        case "fifo":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "dangling":
            path.symlink_to(path.with_name("gone"))
        case "circle":
            path.symlink_to(path)
        case "everybody's":
            path.write_bytes(b"s3cret")
            path.chmod(0o666)


REFUSED = {
    "empty": "is empty",
    "one line break": "is empty",
    "huge": "has 65,537 bytes; at most 65,536 are read",
    "binary": "is not text in UTF-8",
    "NUL": "is not text in UTF-8",
    "directory": "is a directory",
    "fifo": "is a named pipe",
    "device": "is a device",
    "dangling": "does not exist",
    "circle": "cannot be read",
    "everybody's": "may be written by every user of the machine",
}


@pytest.mark.parametrize("how", REFUSED)
@pytest.mark.parametrize("named", [False, True])
def test_what_cannot_be_a_secret_is_an_error_without_its_content(tmp_path: Path, how: str, named: bool) -> None:
    path = tmp_path / ("elsewhere" if named else "token")
    refused(path, how)
    environ = {"TOKEN_FILE": str(path)} if named else {}
    with pytest.raises(TaskError) as caught:
        fetch(tmp_path, **environ)
    assert REFUSED[how] in caught.value.message
    assert "the secret 'token'" in caught.value.message
    assert ("TOKEN_FILE" in caught.value.message) is named
    assert caught.value.category is Category.CONFIG
    assert "s3c" not in f"{caught.value.message}{caught.value.hint}"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret")
    (tmp_path / "token").chmod(0)
    with pytest.raises(TaskError, match="cannot be read: Permission denied"):
        fetch(tmp_path)


def test_a_link_to_a_file_is_followed_as_kubernetes_mounts_secrets(tmp_path: Path) -> None:
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "token").write_text("s3cret")
    (tmp_path / "token").symlink_to("..data/token")
    assert fetch(tmp_path) == "s3cret"


def test_the_file_that_a_variable_names_comes_before_the_folders(tmp_path: Path) -> None:
    (tmp_path / "db-password").write_text("folder")
    (tmp_path / "a").write_text("capitals")
    (tmp_path / "b").write_text("as written")
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    assert variables("db-password") == ("DB_PASSWORD_FILE", "db_password_FILE")
    assert fetch(tmp_path, "db-password", DB_PASSWORD_FILE=a, db_password_FILE=b) == "capitals"
    assert fetch(tmp_path, "db-password", db_password_FILE=b) == "as written"
    assert fetch(tmp_path, "db-password", DB_PASSWORD_FILE="") == "folder"


def test_a_variable_that_names_no_file_is_an_error_and_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("folder")
    with pytest.raises(TaskError, match=r"from TOKEN_FILE.*does not exist"):
        fetch(tmp_path, TOKEN_FILE=str(tmp_path / "gone"))


@pytest.mark.parametrize("name", ["../token", "/etc/passwd", "a/b", "..", ".", "", "-", "a\0b", "x" * 300])
def test_a_name_that_leads_elsewhere_is_not_looked_for(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "token").write_text("s3cret")
    assert fetch(inside, name, _FILE=str(tmp_path / "token"), __TOKEN_FILE=str(tmp_path / "token")) is None


def test_without_a_variable_the_folder_is_the_platforms() -> None:
    source: Any = SecretFiles(SecretSourceSetup(None, {}, Path()))
    assert source.places("token") == "$TOKEN_FILE, $token_FILE, /run/secrets/token"
