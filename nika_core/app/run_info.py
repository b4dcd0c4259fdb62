"""What the history of a run begins with."""

from __future__ import annotations

from collections.abc import Iterable

from nika_core.app.own_runs import sealed
from nika_core.app.prepared_run import PreparedRun
from nika_core.journal import RunInfo
from nika_core.journal.encoding import encode
from nika_core.model.json import Json, JsonObject


def run_info(prepared: PreparedRun) -> RunInfo:
    """Return what history has of a run before it starts: without secrets, and enough to resume it."""
    options = prepared.options
    withheld = [name for name, value in options.inputs.items() if prepared.masker.json(value) != value]
    return RunInfo(
        prepared.masker.text(prepared.workflow.name),
        str(prepared.workflow.path.absolute()),
        prepared.masker.text(prepared.document),
        prepared.masker.json(dict(options.inputs)),
        {
            "provider": prepared.masker.json(options.provider),
            "model": prepared.masker.json(options.model),
            "maxConcurrent": options.max_concurrent,
            "timeout": options.timeout,
            "failFast": options.fail_fast,
            "mock": options.mock,
            "economy": options.economy,
            **({} if options.key is None else {"key": options.key, **_sealed(prepared, options.key, withheld)}),
            **({} if options.only is None else {"only": {"task": options.only.task, "run": options.only.run_id}}),
            **({"noCache": True} if options.no_cache else {}),
            **({"refresh": True} if options.refresh else {}),
            **({} if options.answers is None else {"answers": prepared.masker.json(dict(options.answers))}),
            # A secret is not kept: it has to be given again on resuming.
            "withheld": withheld,
        },
        prepared.workspace.clock.time(),
        tasks=tuple(task.id for task in prepared.workflow.tasks),
    )


def _sealed(prepared: PreparedRun, key: str, withheld: Iterable[str]) -> JsonObject:
    """Return the user's signatures of the secrets that a run with a key was given.

    Masked they are all equal, and another run with the key has to show as another one.
    """
    options = prepared.options
    inputs = {name: prepared.inputs.get(name, options.inputs[name]) for name in withheld}
    given: dict[str, Json] = {"provider": options.provider, "model": options.model, "answers": None}
    if options.answers is not None:
        given["answers"] = dict(options.answers)
    found = {
        "inputs": {name: _seal(key, name, value) for name, value in inputs.items()},
        "options": {
            name: _seal(key, name, value) for name, value in given.items() if prepared.masker.json(value) != value
        },
    }
    return {"sealed": found} if any(found.values()) else {}


def _seal(key: str, name: str, value: Json) -> str | None:
    return sealed(f"key\n{key}\n{name}\n{encode(value)}", make_key=True)
