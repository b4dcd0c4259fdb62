"""What the history of a run begins with."""

from __future__ import annotations

from nika_core.app.prepared_run import PreparedRun
from nika_core.journal import RunInfo


def run_info(prepared: PreparedRun) -> RunInfo:
    """Return what history has of a run before it starts: without secrets, and enough to resume it."""
    options = prepared.options
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
            **({} if options.key is None else {"key": options.key}),
            **({} if options.only is None else {"only": {"task": options.only.task, "run": options.only.run_id}}),
            **({"noCache": True} if options.no_cache else {}),
            **({"refresh": True} if options.refresh else {}),
            **({} if options.answers is None else {"answers": prepared.masker.json(dict(options.answers))}),
            # A secret is not kept: it has to be given again on resuming.
            "withheld": [name for name, value in options.inputs.items() if prepared.masker.json(value) != value],
        },
        prepared.workspace.clock.time(),
        tasks=tuple(task.id for task in prepared.workflow.tasks),
    )
