"""The keyring through the real program: a backend in a file, and a machine without a keyring."""

from __future__ import annotations

import json
from pathlib import Path

from nika_core.testing import call_nika

WORKFLOW = """
tasks:
  - id: a
    shell: {argv: [sh, -c, 'printf %s "$T" | rev'], env: {T: "${secret.token}"}}
"""


def run(folder: Path, **environ: str):
    (folder / "w.nika.yaml").write_text(WORKFLOW)
    path = {"PYTHONPATH": str(Path(__file__).parent), "NIKA_SECRETS_DIR": str(folder / "none")}
    return call_nika("run", "w.nika.yaml", "--no-journal", folder=folder, environ={**path, **environ})


def test_a_password_of_the_service_nika_is_the_secret_of_its_user(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords.json"
    passwords.write_text(json.dumps({"nika": {"token": "s3cret-value"}, "other": {"token": "x"}}))
    backend = {"PYTHON_KEYRING_BACKEND": "file_keyring.FileKeyring", "FILE_KEYRING": str(passwords)}
    done = run(tmp_path, **backend)
    assert (done.returncode, done.stdout) == (0, "eulav-terc3s\n")

    passwords.write_text(json.dumps({"locked": True}))
    done = run(tmp_path, **backend)
    assert done.returncode == 1
    assert "the keyring is locked (asked before it, without result: files ($TOKEN_FILE" in done.stderr


def test_a_machine_without_a_keyring_says_what_to_do_in_its_place(tmp_path: Path) -> None:
    done = run(tmp_path, PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring")
    assert done.returncode == 1
    assert "[NIKA-085] the keyring cannot be used: this machine has no keyring" in done.stderr
    assert "plugins: {block: [secret_sources:keyring]} in nika.yaml" in done.stderr

    (tmp_path / "token").write_text("s3cret-value\n")  # what has the secret before it is not held up
    done = run(tmp_path, PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring", NIKA_SECRETS_DIR=str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "eulav-terc3s\n")
