"""A secret in any form, anywhere in any text, cut anywhere: nothing of it is left."""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nika_core.model.bounded import bound, shorten, shorten_start
from nika_core.model.masking import Masker

SECRETS = ("Zq9vLm3XtR7pWc5KbN2h", 'pa"ss/wörd &+x\\y', "hunter2-~(1)", "short1", "it's <5\" & `7`>")
SHORTEST_PIECE = 6


def with_numbers(text: str, characters: str, *, upper: bool = False) -> str:
    """Return a JSON string's content in which some characters are written by their number."""
    text = "".join(f"\\u{ord(each):04x}" if each in characters else each for each in text[1:-1])
    return re.sub(r"\\u....", lambda found: found[0].upper().replace("U", "u"), text) if upper else text


@lru_cache
def bash_quoted(secret: str) -> str:
    """Return what `printf %q` makes of it."""
    environ = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        ["bash", "-c", 'printf %q "$1"', "-", secret], capture_output=True, text=True, check=True, env=environ
    )
    return done.stdout


FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "a host": str.lower,
    "a variable": str.upper,
    "json": lambda secret: json.dumps(secret)[1:-1],
    "json with its letters": lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    "json in json": lambda secret: json.dumps(json.dumps({"k": secret}))[11:-4],
    "json in json with its letters": lambda secret: json.dumps(
        json.dumps({"k": secret}, ensure_ascii=False), ensure_ascii=False
    )[11:-4],
    "json of other languages": lambda secret: json.dumps(secret)[1:-1].replace("/", "\\/"),
    "url": lambda secret: quote(secret, safe=""),
    "path of a url": quote,
    "small hexadecimal digits": lambda secret: re.sub("%..", lambda digits: digits[0].lower(), quote(secret, safe="")),
    "form": quote_plus,
    "form of several fields": lambda secret: urlencode({"k": secret})[2:],
    "hex": lambda secret: secret.encode().hex(),
    "repr": lambda secret: repr(secret)[1:-1],
    "bytes": lambda secret: repr(secret.encode())[2:-1],
    "json in json in json": lambda secret: json.dumps(json.dumps(json.dumps(secret)))[7:-7],
    "json of Go": lambda secret: with_numbers(json.dumps(secret, ensure_ascii=False), "<>&"),
    "json of .NET": lambda secret: with_numbers(json.dumps(secret).replace('\\"', "\\u0022"), "<>&'+`", upper=True),
    "a URL in a URL": lambda secret: quote(quote(secret, safe=""), safe=""),
    "small hexadecimal digits of a URL in a URL": lambda secret: quote(
        re.sub("%..", lambda digits: digits[0].lower(), quote(secret, safe="")), safe=""
    ),
    "html": html.escape,
    "html with decimal numbers": lambda secret: (
        html.escape(secret, quote=False).replace("'", "&#39;").replace('"', "&#34;")
    ),
    "xml": lambda secret: html.escape(secret, quote=False).replace("'", "&apos;").replace('"', "&quot;"),
    "text of html": lambda secret: html.escape(secret, quote=False),
    "shell": lambda secret: secret.replace("'", "'\\''"),
    "shlex": lambda secret: shlex.quote(secret).strip("'"),
    **({"bash": bash_quoted} if shutil.which("bash") else {}),
    "sql": lambda secret: secret.replace("'", "''"),
    "csv": lambda secret: secret.replace('"', '""'),
}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_masked_in_every_form(form: str, secret: str) -> None:
    assert Masker([secret]).text(f"<{FORMS[form](secret)}>") == "<***>"


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("user", ["u:", "us:", "use:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_secret_is_masked_in_base64_at_each_alignment(
    secret: str, user: str, encode: Callable[[bytes], bytes]
) -> None:
    encoded = encode(f"{user}{secret}".encode()).decode()
    shown = Masker([secret]).text(f"Authorization: Basic {encoded}")
    before, mask, after = shown.removeprefix("Authorization: Basic ").partition("***")
    assert mask
    assert encoded.startswith(before)
    assert encoded.endswith(after)
    certain = base64.urlsafe_b64decode(before[: len(before) // 4 * 4]).decode()  # what is left tells no character of it
    assert f"{user}{secret}".startswith(certain)
    assert len(certain) <= len(user)
    assert len(after.rstrip("=")) <= 1


def pieces_left(shown: str, form: str) -> list[str]:
    """Return what a text shows of the beginning or the end of a secret, from 6 characters on."""
    pieces = {form, form[:SHORTEST_PIECE], form[-SHORTEST_PIECE:]}
    return [piece for piece in pieces if piece in shown]


CUTS: dict[str, Callable[[str, int], str]] = {
    "bound": lambda text, limit: bound(text, limit).text,
    "shorten": lambda text, limit: shorten(text, max(limit, 3)),
    "shorten_start": lambda text, limit: shorten_start(text, max(limit, 1)),
    "the middle": lambda text, limit: shorten_start(shorten(text, max(limit, 3)), max(limit // 2, 1)),
    "repr": lambda text, limit: repr(shorten(text, max(limit, 3))),
    "json": lambda text, limit: json.dumps(bound(text, limit).text),
    "json of the end": lambda text, limit: json.dumps(shorten_start(text, max(limit, 1))),
}
# Of other letters than the secrets, so that what is found in the result is of the secret.
NOISE = st.text(alphabet="_ \n…é\U0001f600", max_size=90)


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(SECRETS), st.sampled_from(sorted(FORMS)), st.sampled_from(sorted(CUTS)), NOISE, NOISE, st.data())
def test_nothing_of_a_secret_is_left_wherever_a_text_is_cut(
    secret: str, form: str, cut: str, before: str, after: str, data: st.DataObject
) -> None:
    encoded = FORMS[form](secret)
    text = f"{before}{encoded}{after}"
    limit = data.draw(st.integers(0, len(text.encode()) + 1))
    shown = Masker([secret]).text(CUTS[cut](text, limit))
    assert not pieces_left(shown, encoded)


@settings(deadline=None)
@given(st.integers(6, 2000), st.integers(6, 300))
@example(1000, 100)
def test_a_part_of_a_long_key_between_two_cuts_is_masked(start: int, length: int) -> None:
    key = "".join(f"{number:x}K" for number in range(700))
    assert Masker([key]).text(f"it wrote …{key[start : start + length]}...") == "it wrote …***..."


def test_a_text_that_was_not_cut_keeps_what_secrets_have_in_common_with_it() -> None:
    masker = Masker(["/home/ada/keys/id.pem"])
    for text in ("/home/ada", "in /home/ada/ there is keys/id.pem", "/home/ada and more..."):
        assert masker.text(text) == text


def test_a_key_of_many_lines_is_masked_in_a_long_text() -> None:
    lines = [base64.b64encode(bytes([number]) * 48).decode() for number in range(60)]
    masker = Masker(["\n".join(lines)])
    assert masker.text("x" * 100_000 + lines[31] + "y" * 100_000) == "x" * 100_000 + "***" + "y" * 100_000
