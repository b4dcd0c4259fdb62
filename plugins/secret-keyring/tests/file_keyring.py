"""A backend of the library `keyring` that keeps passwords in a JSON file: {service: {user: password}}."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked


class FileKeyring(KeyringBackend):
    priority = 1

    def get_password(self, service: str, username: str) -> str | None:
        stored = json.loads(Path(os.environ["FILE_KEYRING"]).read_text())
        if stored.get("locked"):
            raise KeyringLocked(f"locked, and not {stored}")
        return stored.get(service, {}).get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        path = Path(os.environ["FILE_KEYRING"])
        stored = json.loads(path.read_text()) if path.exists() else {}
        stored.setdefault(service, {})[username] = password
        path.write_text(json.dumps(stored))

    def delete_password(self, service: str, username: str) -> None:
        raise NotImplementedError
