"""What installed distributions offer, looked at again only where something has changed.

A program that runs workflows looks before each run, and to read the metadata of a hundred distributions takes a third
of a small run. Where the times of a folder and of its plugins' metadata are what they were, nothing is read again. What
was changed just now is: a file system's times may be no finer.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Collection, Iterable, Iterator
from typing import Final, NamedTuple

from nika_core.registry.metadata import Offer, all_offers, first_of_each_name, has_usual_finders, in_folder, installed

_SETTLED: Final = 2 * 10**9  # nanoseconds
_READ: Final = ("entry_points.txt", "METADATA")


class _Known(NamedTuple):
    times: tuple[int, ...]
    offers: tuple[Offer, ...]


_known: dict[tuple[str, tuple[str, ...]], _Known] = {}  # by folder and groups


def installed_offers(groups: Collection[str]) -> Iterator[Offer]:
    """Return what all installed distributions offer in these groups, as `offers_in` does."""
    found = _on_path(tuple(groups))
    return first_of_each_name(all_offers(groups, installed()) if found is None else found)


def _on_path(groups: tuple[str, ...]) -> list[Offer] | None:
    """Return None if distributions may come from anything but a folder."""
    found: list[Offer] = []
    for path in sys.path if has_usual_finders() else (None,):
        offers = None if path is None else _in(os.path.abspath(path), groups)  # noqa: PTH100  # pathlib is slower
        if offers is None:
            return None
        found += offers
    return found


def _in(path: str, groups: tuple[str, ...]) -> tuple[Offer, ...] | None:
    known = _known.get((path, groups))
    if known is not None and known.times == _times(path, known.offers):
        return known.offers
    distributions = in_folder(path)
    if distributions is None:
        return None
    offers = tuple(all_offers(groups, distributions))
    times = _times(path, offers)
    if max(times) < time.time_ns() - _SETTLED:
        _known[path, groups] = _Known(times, offers)
    return offers


def _times(path: str, offers: Iterable[Offer]) -> tuple[int, ...]:
    """Return when a folder, and what was read of the plugins in it, has last changed."""
    files = (f"{offer.folder}/{name}" for offer in offers for name in _READ)
    return tuple(map(_changed, (path, *files)))


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116  # as above
    except OSError:
        return 0
