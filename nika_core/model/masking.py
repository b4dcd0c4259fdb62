"""Secret values never leave: every text that is printed, logged or recorded goes through a `Masker`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from nika_core.errors import Category
from nika_core.model.json import Json
from nika_core.model.message import Role
from nika_core.model.secret_forms import MIN_LENGTH, forms_of, pattern_of
from nika_core.model.secret_pieces import SecretPieces

MASK: Final = "***"
_SECRET_NAME: Final = re.compile(r"(?:_KEY|_TOKEN|_SECRET|_PASSWORD)\Z")

# Names and words of Nika's own formats: a secret may be one of them, and history could not be read without it. That it
# stands there tells nothing, since it always does.
_NAMES: Final = frozenset((
    "arguments", "cacheWriteTokens", "cachedTokens", "callId", "category", "content", "costUsd", "declined",
    "digest", "estimated", "inputTokens", "isError", "keyword", "mediaType", "message", "messages", "models",
    "originalBytes", "output", "outputTokens", "provider", "retriable", "savedUsd", "stopReason",
    "toolCallId", "toolCalls", "unpriced",
))  # fmt: skip
_WORDS: Final[Mapping[str, frozenset[str]]] = {
    "category": frozenset(Category),
    "role": frozenset(Role),
    "type": frozenset({"document", "reasoning", "toolCall", "toolResult"}),
}


def secret_values(environ: Mapping[str, str], declared: Iterable[str] = ()) -> frozenset[str]:
    """Return values to mask: of variables named like secrets, and of the declared ones, from 6 characters on."""
    names = {name for name in environ if _SECRET_NAME.search(name)} | set(declared)
    return frozenset(environ[name] for name in names if len(environ.get(name, "")) >= MIN_LENGTH)


def masked_number(value: Any, mask: Callable[[str], str]) -> Any:
    """Return a JSON number that holds a secret as the text that is left of it; anything else as it is."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        text = str(value)
        if len(text) >= MIN_LENGTH and (left := mask(text)) != text:
            return left
    return value


def masked_fields(found: Mapping[str, Any], mask: Callable[[str], str], masked: Callable[[Any], Any]) -> dict[str, Any]:
    """Return a mapping with its keys masked by `mask` and its values by `masked`, but for what is of Nika's formats."""
    return {
        key if key in _NAMES else mask(str(key)): item if _is_word(key, item) else masked(item)
        for key, item in found.items()
    }


def _is_word(key: str, item: Any) -> bool:
    return key in _WORDS and isinstance(item, str) and item in _WORDS[key]


def texts_in(value: Json) -> Iterator[str]:
    """Yield the texts of a JSON value that is a secret, and its numbers as texts; no keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from texts_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts_in(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


class Masker:
    """Replaces secret values by `***`, in each form of `secret_forms`, as a JSON number, and what is left of one
    where a text was cut.

    Attributes:
        active: whether there is anything to replace.
        version: another object whenever what is replaced has changed.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._build(frozenset(values))

    def add(self, values: Iterable[str]) -> None:
        """Replace these values, too, from now on; those of fewer than 6 characters are not replaced."""
        more = self._values.union(values)
        if len(more) > len(self._values):
            self._build(more)

    def _build(self, values: frozenset[str]) -> None:
        self._values = self.version = values
        # The longest first, so that a secret that contains another one is masked whole.
        ordered = sorted({form for value in values for form in forms_of(value)}, key=lambda form: (-len(form), form))
        self._pattern = pattern_of(ordered)
        self._forms = ordered
        self._pieces = SecretPieces(ordered)
        self._initials = frozenset(form[0] for form in ordered)
        self._longest = max(map(len, ordered), default=0)
        self.active = bool(ordered)

    def text(self, text: str) -> str:
        """Return `text` with every secret replaced, and every piece of one beside the mark of a cut."""
        return text if self._pattern is None else self._pieces.replaced(self._pattern.sub(MASK, text), MASK)

    def whole(self, text: str) -> str:
        """Return `text` with every whole secret replaced."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def json(self, value: Json) -> Any:
        """Return a JSON value with every secret in its strings, numbers and keys replaced; the same without one."""
        if self._pattern is None:
            return value
        return self._walk(value)

    def _walk(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return masked_fields(value, self.text, self._walk)
        if isinstance(value, list | tuple):
            return [self._walk(item) for item in value]
        return masked_number(value, self.text)

    def stream(self) -> StreamMasker:
        """Return a masker for text that comes in pieces: a secret may be cut in two."""
        return StreamMasker(self)

    def certain(self, text: str) -> int:
        """Return how much of `text` is masked in the same way whatever follows it."""
        if self._pattern is None:
            return len(text)
        cut = self._maybe_begins(text, 0)
        for match in self._pattern.finditer(text):
            if match.start() >= cut:
                break
            if match.end() > cut:  # what begins inside a secret begins nothing of its own
                cut = self._maybe_begins(text, match.end())
        return cut

    def _maybe_begins(self, text: str, least: int) -> int:
        """Return the first place from which `text` is the beginning of a secret, not before `least`; else its end."""
        for start in range(max(least, len(text) - self._longest + 1), len(text)):
            if text[start] in self._initials:
                rest = text[start:]
                if any(len(form) > len(rest) and form.startswith(rest) for form in self._forms):
                    return start
        return len(text)


class StreamMasker:
    """Masks a stream: holds back what may be the beginning of a secret, and nothing else, until more has come.

    What is shown in all is exactly what `Masker.whole` makes of the whole.
    """

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._kept = ""

    def feed(self, text: str) -> str:
        """Return what can be shown now."""
        if not self._masker.active:
            return text
        text = self._kept + text
        cut = self._masker.certain(text)
        self._kept = text[cut:]
        return self._masker.whole(text[:cut])

    def flush(self) -> str:
        """Return the rest."""
        rest, self._kept = self._masker.whole(self._kept), ""
        return rest
