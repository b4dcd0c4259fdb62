"""`--from` an item, a round or a task inside them, through host and journal; killed after any event before."""

import time
from dataclasses import replace

import pytest

from nika_core.app.resuming import ResumedRun, check_resumable, open_run
from nika_core.app.run_options import RunOptions
from nika_core.engine.core.previous_tasks import previous_tasks
from nika_core.engine.core.run_plan import Child, Each, Item, Loop
from nika_core.errors import UsageError
from nika_core.journal import Journal, RunInfo
from nika_core.model.ids import node_id_of
from nika_core.model.state import RunStatus


class After:
    """A condition that holds from a round on: a round's output ends in its number."""

    text = "the round"

    def __init__(self, lab, task, rounds):
        self.placeholders = lab.ref(task).placeholders
        self._rounds = rounds

    def evaluate(self, resolve):
        return int(str(resolve(self.placeholders[0])).rpartition("@")[2][:1]) >= self._rounds


def request_of(lab, values="pqrs", **more):
    """A list, a loop, a list of workflows, and a task behind each of the first two."""
    items = [Item(value) for value in values]
    inner = lab.workflow_plan(
        (
            lab.task("find", payload={"x": lab.binding("input", "x")}),
            lab.task("write", 1, payload={"f": lab.ref("find")}),
        ),
        name="inner",
    )
    item = {"x": lab.binding("each", "item")}
    tasks = (
        lab.task("review", 0, payload=item),
        lab.task("draft", 1, payload={"l": lab.binding("last", "round", None)}),
        lab.task("sections", 2, payload=item),
        lab.task("summary", 3, payload={"r": lab.ref("review")}),
        lab.task("publish", 4, payload={"d": lab.ref("draft")}),
    )
    groups = {
        "review": Each(items=lambda _: items),
        "draft": Loop(until=After(lab, "draft", 4), max_rounds=5),
        "sections": Each(items=lambda _: items, body=Child(plan=inner, inputs=lambda payload: payload)),
    }
    return lab.request(tasks, groups=groups, **more)


async def run_once(lab, folder, request, recorded=None, rerun_from=None, until=None):
    """One life of a run: what it started, its result, and the run as it is recorded then."""
    step = lab.Steps(lambda payload, context: answer(payload, context))

    async def answer(payload, context):
        return f"{payload.get('x', '')}{context.task_id}"

    with Journal.open(folder) as journal:
        if recorded is None:
            log = journal.begin(RunInfo("w", str(folder / "w.nika.yaml"), "", started=time.time()))
        else:
            log = journal.resume(recorded.run.id)
            events = recorded.events[:until]
            previous = previous_tasks(events)
            request = replace(request, previous=previous, rerun_from=rerun_from, seq=len(recorded.events))
        services = lab.services(step, record=log.record, barrier=log.barrier, call_cache=log)
        result = await lab.run(replace(request, run_id=log.run_id), services)
        await log.finish(result.status.value, time.time())
        return step.started, result, journal.load(log.run_id)


@pytest.mark.parametrize(
    ("rerun_from", "again"),
    [
        ("review.3", {"review[3]", "summary"}),
        ("review[0]", {"review[0]", "summary"}),
        ("review", {"review[0]", "review[1]", "review[2]", "review[3]", "summary"}),
        ("draft@3", {"draft@3", "draft@4", "publish"}),
        ("draft", {"draft@1", "draft@2", "draft@3", "draft@4", "publish"}),
        ("sections[2]", {"sections[2]/find", "sections[2]/write"}),
        ("sections[2]/write", {"sections[2]/write"}),
        ("sections.2/find", {"sections[2]/find", "sections[2]/write"}),
        ("summary", {"summary"}),
    ],
)
async def test_what_is_named_and_what_depends_on_it_is_done_again_and_nothing_else(lab, tmp_path, rerun_from, again):
    request = request_of(lab)
    first, _, recorded = await run_once(lab, tmp_path, request)
    assert again <= set(first)
    started, result, _ = await run_once(lab, tmp_path, request, recorded, node_id_of(rerun_from))
    assert set(started) == again
    assert len(started) == len(again)
    assert result.status is RunStatus.SUCCEEDED


async def test_killed_after_any_event_the_rest_is_done_and_what_had_ended_only_where_it_is_asked_for(lab, tmp_path):
    request = request_of(lab, "pq")
    first, _, recorded = await run_once(lab, tmp_path, request)
    for until in range(1, len(recorded.events), 7):
        killed = recorded.events[:until]
        done = {event.task for event in killed if event.kind == "task.succeeded"}
        started, result, _ = await run_once(lab, tmp_path, request, recorded, node_id_of("sections[1]/find"), until)
        asked = {"sections[1]/find", "sections[1]/write"}
        assert result.status is RunStatus.SUCCEEDED
        assert set(started) == (set(first) - done) | asked, until


async def test_what_the_run_does_not_have_is_refused_with_what_it_has(lab, tmp_path):
    request = request_of(lab)
    (tmp_path / "w.nika.yaml").write_text("tasks: []\n")
    _, _, recorded = await run_once(lab, tmp_path, request)
    with Journal.open(tmp_path) as journal:

        def refusal(rerun_from):
            with pytest.raises(UsageError) as raised:
                check_resumable(
                    open_run(journal, recorded.run.id, rerun_from=rerun_from, trusted=True), request.workflow
                )
            return raised.value

        error = refusal("review[9]")
        assert "--from review[9]" in error.message
        assert error.hint == "`review` has review[0], review[1], review[2], review[3]"
        assert refusal("draft[1]").hint == "`draft` has draft@1, draft@2, draft@3, draft@4"
        assert refusal("sections[1]/draw").hint == "`sections[1]` has sections[1]/find, sections[1]/write"
        assert refusal("summary[0]").hint == "`summary` has none of its own"
        assert "its tasks: draft, publish, review, sections, summary" in refusal("other[1]").hint
        assert "write e.g. build, review[3]" in refusal("a b").message
        for good in ("review.1", "draft@2", "sections[3]/find", "review"):
            resumed = open_run(journal, recorded.run.id, rerun_from=good, trusted=True)
            check_resumable(resumed, request.workflow)
            assert resumed.rerun_from == node_id_of(good)
        check_resumable(ResumedRun(journal, recorded, RunOptions(), tmp_path), request.workflow)
