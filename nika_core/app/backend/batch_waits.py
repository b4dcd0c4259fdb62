"""Which works of a run wait for a batch, since when, and whether that is as long as a command stays for one."""

from __future__ import annotations

from typing import Any

from nika_core.engine.core.messages import TaskCall, Wait
from nika_core.model.json import JsonObject


class BatchWaits:
    """Of one run. `patience`: seconds for which a run on one machine stays for a batch; None: for ever."""

    def __init__(self, patience: float | None) -> None:
        self._patience = patience
        self._waits: dict[str, JsonObject] = {}  # by the id of work

    def add(self, id_: str, call: TaskCall, wait: Wait, now: float) -> None:
        """Note that work waits. It has waited since the first time that this is said."""
        shown = {"task": call.node, "key": "", "keyword": call.keyword, "since": now, "about": wait.about}
        self._waits.setdefault(id_, shown)

    def end(self, id_: str) -> None:
        """Forget work that has ended, if it waited."""
        self._waits.pop(id_, None)

    @property
    def shown(self) -> list[JsonObject]:
        """What people are shown of it, as in `RunUpdate.waiting`."""
        return list(self._waits.values())

    def is_long(self, id_: str, now: float) -> bool:
        """Return whether work has waited for so long that a command no longer stays."""
        wait = self._waits.get(id_)
        return wait is not None and self._patience is not None and now - wait["since"] >= self._patience

    def snapshot(self) -> JsonObject:
        """Return its state as JSON."""
        return dict(self._waits)

    def restore(self, data: Any) -> None:
        """Take over what `snapshot` returned."""
        self._waits = dict(data)
