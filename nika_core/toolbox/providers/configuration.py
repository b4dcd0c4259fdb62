"""Whether a request can be sent at all with the address and the key that the environment has."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from nika_core.errors import Category, TaskError
from nika_core.toolbox.network import LINK_LOCAL_HINT
from nika_core.toolbox.providers.values import without_credentials

_URL: Final = re.compile(r"https?://([^/@\s]*@)?(\[[0-9a-f:.]+\]|[^/:@\s]+)(:\d{1,5})?(/\S*)?\Z", re.IGNORECASE)
_ZONE: Final = re.compile(r"\[[0-9a-f:.]+%", re.IGNORECASE)


def check_key(variable: str, secrets: Iterable[str]) -> None:
    """Raise TaskError (config) for a key that no header can hold: with a line break in it, say. It is not shown."""
    for secret in secrets:
        odd = next((n for n, char in enumerate(secret, 1) if not "!" <= char <= "~"), None)
        if odd is not None:
            raise TaskError(
                f"the key in {variable} cannot be sent: its character {odd} of {len(secret)} is a white space or not "
                "in ASCII",
                category=Category.CONFIG,
                hint=f"set {variable} again: perhaps more than the key was copied",
            )


def check_address(variable: str, address: str) -> None:
    """Raise TaskError (config) for what is not a URL of a server."""
    found = _URL.match(address)
    if address and (found is None or int((found[3] or ":1")[1:]) not in range(1, 65_536)):
        raise TaskError(
            f"{variable or 'the address'} is {without_credentials(address)!r}, which is not the address of a server",
            category=Category.CONFIG,
            hint=LINK_LOCAL_HINT
            if _ZONE.search(address)
            else "write it as http://HOST:PORT or https://HOST, with the path if it has one",
        )
