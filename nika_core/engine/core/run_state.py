"""Everything that a core has learned since its start: the part of it that a snapshot keeps."""

from __future__ import annotations

from nika_core.engine.core.hashing import messages_hash
from nika_core.engine.core.lifecycle import Lifecycle
from nika_core.engine.core.messages import Outcome
from nika_core.engine.core.run_plan import EarlyEnd, RunPlan
from nika_core.engine.core.snapshots import early_end_json, early_end_of, outcome_json, outcome_of, state_json, state_of
from nika_core.engine.core.visibility import NO_OUTPUTS, Conversation, VisibleOutputs
from nika_core.model.codec import usage_json, usage_of
from nika_core.model.json import Json, JsonObject
from nika_core.model.state import Failed, Pending, Running, Skipped, Success
from nika_core.model.usage import NOTHING, Usage
from nika_core.plugin import Values


class RunState:
    """A run as it stands.

    Attributes:
        lifecycle: the states of all tasks.
        waiting: per task, how many of its edges come from tasks that have not ended for good.
        ready: a heap of places in declared order; those of tasks without a slot count from the end, so they come first.
        running: how many tasks run that take a place.
        unfinished: how many tasks have not ended for good.
        asking: tasks about which the main agent is asked, with their epoch.
        retry_counts: how often the main agent had a task done again.
        outcomes: the last one of each task that had one.
        extra_usage: what tasks have used beside their last outcome: in epochs before it, and for decisions about them.
        reused: tasks whose outcome is that of the earlier run.
        outputs: only ever added to, since views of it are handed out.
        conversation: the main conversation.
        early_end: why nothing starts any more.
    """

    def __init__(self, plan: RunPlan) -> None:
        self.plan = plan
        self._max_json_depth = plan.request.max_json_depth
        self.lifecycle = Lifecycle(plan.request.graph.order)
        self.waiting = {task: len(edges) for task, edges in plan.request.graph.incoming.items()}
        self.ready: list[int] = []
        self.running = 0
        self.unfinished = len(plan.request.graph.order)
        self.asking: dict[str, int] = {}
        self.retry_counts: dict[str, int] = {}
        self.outcomes: dict[str, Outcome] = {}
        self.extra_usage: dict[str, Usage] = {}
        self.reused: set[str] = set()
        self.outputs: dict[str, Json] = {}
        self.conversation = Conversation(plan.request.graph, plan.context)
        self.early_end: EarlyEnd | None = None
        self.finished = False
        self._alone = Values(
            NO_OUTPUTS, plan.request.inputs, plan.request.environ, self._max_json_depth
        )  # for tasks without sources

    def keep(self, task: str, outcome: Outcome) -> None:
        """What later tasks may see of this one."""
        self.outcomes[task] = outcome
        self.outputs[task] = outcome.output
        if outcome.messages and task in self.plan.context:
            self.conversation.add(task, outcome.messages, messages_hash(outcome.messages))

    def spend(self, task: str, usage: Usage) -> None:
        """Used for a task, but not in its last outcome."""
        if usage != NOTHING:
            self.extra_usage[task] = self.extra_usage.get(task, NOTHING) + usage

    def values(self, task: str) -> Values:
        """What a task may see of the others."""
        plan = self.plan
        if not plan.request.graph.incoming[task]:
            return self._alone
        return Values(
            VisibleOutputs(self.outputs, plan.request.graph, task),
            plan.request.inputs,
            plan.request.environ,
            self._max_json_depth,
        )

    def snapshot(self) -> JsonObject:
        """As JSON."""
        states = self.lifecycle.states.items()
        return {
            "number": self.lifecycle.number,
            "states": {task: state_json(state) for task, state in states if type(state) is not Pending},
            "waiting": {task: count for task, count in self.waiting.items() if count},
            "ready": sorted(self.ready),
            "asking": dict(self.asking),
            "retryCounts": dict(self.retry_counts),
            "outcomes": {task: outcome_json(outcome) for task, outcome in self.outcomes.items()},
            "extraUsage": {task: usage_json(usage) for task, usage in self.extra_usage.items()},
            "outputs": list(self.outputs),
            "reused": sorted(self.reused),
            "earlyEnd": early_end_json(self.early_end),
            "finished": self.finished,
        }

    @classmethod
    def restore(cls, plan: RunPlan, found: JsonObject) -> RunState:
        """Return the state that the snapshot was taken of. The plan must be the same."""
        run_state = cls(plan)
        run_state.lifecycle.number = found["number"]
        run_state.lifecycle.states.update({task: state_of(state) for task, state in found["states"].items()})
        run_state.waiting = {task: found["waiting"].get(task, 0) for task in run_state.waiting}
        run_state.ready = list(found["ready"])
        run_state.asking = dict(found["asking"])
        run_state.retry_counts = dict(found["retryCounts"])
        run_state.extra_usage = {task: usage_of(usage) for task, usage in found["extraUsage"].items()}
        run_state.reused = set(found["reused"])
        run_state.early_end = early_end_of(found["earlyEnd"])
        run_state.finished = found["finished"]
        run_state.outcomes = {task: outcome_of(outcome) for task, outcome in found["outcomes"].items()}
        for task in found["outputs"]:
            run_state.keep(task, run_state.outcomes[task])
        states = run_state.lifecycle.states.values()
        running = {task for task, state in run_state.lifecycle.states.items() if isinstance(state, Running)}
        run_state.running = len(running - plan.request.no_slot)
        run_state.unfinished -= sum(isinstance(state, Success | Failed | Skipped) for state in states) - len(
            run_state.asking
        )
        return run_state
