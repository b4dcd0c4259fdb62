"""Secrets from the operating system's keyring: the passwords of the service `nika`, by user name.

`keyring set nika deploy_token` stores what `${secret.deploy_token}` is.
"""

from __future__ import annotations

import asyncio
from typing import Final

from nika_core.plugin import Category, SecretSourceSetup, TaskError

SERVICE: Final = "nika"
_FIX: Final = (
    "store the secret in a file (nika-secret-files), choose a backend (PYTHON_KEYRING_BACKEND), or block this source: "
    "plugins: {block: [secret_sources:keyring]} in nika.yaml"
)


class Keyring:
    """Asks the backend that the library chooses on this machine."""

    def __init__(self, setup: SecretSourceSetup) -> None: ...

    async def fetch(self, name: str) -> str | None:
        """Return a password; None if there is none. Raise TaskError if the keyring cannot be used."""
        return await asyncio.to_thread(_password, name)

    def places(self, name: str) -> str:
        """Return the service."""
        return f"the service '{SERVICE}'"


def _password(name: str) -> str | None:
    try:
        import keyring
        from keyring.errors import KeyringError, KeyringLocked, NoKeyringError
    except ImportError as error:
        raise _unusable(f"cannot be used: {error}", "install the library: pip install nika-secret-keyring") from None
    try:
        password = keyring.get_password(SERVICE, name)
    except NoKeyringError:
        raise _unusable("cannot be used: this machine has no keyring", _FIX) from None
    except KeyringLocked:
        raise _unusable("is locked", "unlock it, and resume the run") from None
    except KeyringError as error:
        raise _unusable(f"failed with {type(error).__name__}", _FIX) from None
    except Exception as error:  # backends raise whatever their libraries do, perhaps with a secret in the text
        raise _unusable(f"failed with {type(error).__name__}", _FIX) from None
    return None if password is None else str(password)


def _unusable(why: str, hint: str) -> TaskError:
    return TaskError(f"the keyring {why}", category=Category.CONFIG, hint=hint)
