"""Large values that leave memory once history has them, and are read again when they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from nika_core.model.json import Json

LARGE: Final = 64 * 1024  # characters, about
_EACH: Final = 8  # characters that a value counts as beside its text


class LargeValue:
    """A JSON value that is in memory, or where it has been kept since.

    The engine hands it on as it is; templates, observers and results get what `get` returns.
    """

    __slots__ = ("_read", "_value", "name")

    def __init__(self, value: Json = None, read: Callable[[], Json] | None = None, name: str = "") -> None:
        self._value = value
        self._read = read
        self.name = name  # under which it is kept; equal names mean equal values

    def get(self) -> Json:
        """Return the value. Raise JournalError if it was kept, and is there no more."""
        value, read = self._value, self._read  # in this order: another thread may be letting go of it
        return value if read is None else read()

    def keep(self, read: Callable[[], Json], name: str) -> None:
        """Let go of the value, which `read` returns from now on. From any thread."""
        self.name = name
        self._read = read
        self._value = None

    def through(self, change: Callable[[Json], Json]) -> LargeValue:
        """Return what `change` makes of it, each time that it is asked for."""
        return LargeValue(read=lambda: change(self.get()))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LargeValue):
            return bool(self.get() == other)
        return self is other or (self.name != "" and self.name == other.name) or bool(self.get() == other.get())

    __hash__ = None  # type: ignore[assignment]  # as of any other JSON that is large

    def __reduce__(self) -> tuple[type[LargeValue], tuple[Json]]:
        return LargeValue, (self.get(),)


class PlainData(Mapping[str, Any]):
    """The data of an event for those who are shown it: large values are read when they are asked for."""

    __slots__ = ("_data",)

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data

    def __getitem__(self, name: str) -> Any:
        return value_of(self._data[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:
        return repr(dict(self))


def value_of(value: Any) -> Any:
    """Return a value that may be a large one."""
    return value.get() if type(value) is LargeValue else value


def size_if_large(value: Json) -> int:
    """Return about how many characters a value has as JSON, or more than `LARGE`; 0 if it is not large."""
    if isinstance(value, str):
        return len(value) if len(value) > LARGE else 0
    if not isinstance(value, list | dict):
        return 0
    size, todo = 0, [value]
    while todo:
        container = todo.pop()
        for each in container.values() if isinstance(container, dict) else container:
            size += _EACH + (len(each) if isinstance(each, str) else 0)
            if isinstance(each, list | dict):
                todo.append(each)
            if size > LARGE:
                return size
    return 0
