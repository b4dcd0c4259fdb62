"""A workflow's root sections belong to the definitions of the tasks that may use them."""

from dataclasses import replace

import pytest

from nika_core.engine.core.previous_tasks import previous_tasks
from nika_core.model.state import RunStatus
from nika_core.model.workflow import AgentBlock, KeywordCategory

SERVERS = {"servers": {"files": {"command": "old"}}, "other": {"x": "1"}}
NEW_SERVER = {**SERVERS, "servers": {"files": {"command": "new"}}}
NEW_OTHER = {**SERVERS, "other": {"x": "2"}}


async def reused(lab, before, after, agent=None, task=None, **keyword):
    """Whether the task is taken over when the workflow's sections change from `before` to `after`."""
    tasks = (lab.task("a", **(task or {})), lab.task("b", 1, keyword="fails"))
    recorded = []

    async def step(payload, context):
        return "done"

    async def fail(payload, context):
        raise RuntimeError("so that there is something to resume")

    def request(sections, **more):
        made = lab.request(tasks, lab.flows("a>b"), agent=agent, **more)
        return replace(made, workflow=replace(made.workflow, sections=sections))

    def services(**more):
        return lab.services({"work": step, "fails": fail}, keywords={"work": lab.keyword(**keyword)}, **more)

    first = await lab.run(request(before), services(record=recorded.extend))
    assert first.status is RunStatus.FAILED
    second = await lab.run(request(after, previous=previous_tasks(recorded), seq=recorded[-1].seq), services())
    return second.tasks[0].reused


@pytest.mark.parametrize(("after", "taken"), [(SERVERS, True), (NEW_SERVER, False), ({}, False), (NEW_OTHER, True)])
async def test_a_task_is_done_again_when_a_section_of_its_keyword_changed(lab, after, taken):
    assert await reused(lab, SERVERS, after, sections={"servers": None}) is taken


@pytest.mark.parametrize("after", [NEW_SERVER, {}])
async def test_a_task_whose_keyword_has_no_section_does_not_mind(lab, after):
    assert await reused(lab, SERVERS, after)


@pytest.mark.parametrize("where", ["block", "task"])
@pytest.mark.parametrize(("after", "taken"), [(SERVERS, True), (NEW_SERVER, False), (NEW_OTHER, False)])
async def test_a_task_with_tools_may_use_any_section(lab, where, after, taken):
    tools = ("mcp::files::*",)
    agent = AgentBlock(model="m", allowed_tools=tools if where == "block" else None)
    task = {"allowed_tools": tools} if where == "task" else {}
    kind = {"category": KeywordCategory.CONTEXT, "needs_provider": True}
    assert await reused(lab, SERVERS, after, agent, task, **kind) is taken


@pytest.mark.parametrize("category", [KeywordCategory.TOOL, KeywordCategory.CONTEXT])
async def test_a_task_that_calls_a_model_without_tools_is_not_paid_again(lab, category):
    tools = ("mcp::files::*",) if category is KeywordCategory.TOOL else None  # these have none, whatever the block says
    agent = AgentBlock(model="m", allowed_tools=tools)
    assert await reused(lab, SERVERS, NEW_SERVER, agent, category=category, needs_provider=True)


async def test_sections_as_keywords_see_them_stand_in_for_the_documents_own(lab):
    async def step(payload, context):
        assert context.sections == SERVERS  # a step is given what the document has
        return "done"

    async def fail(payload, context):
        raise RuntimeError("so that there is something to resume")

    async def reused(now):
        recorded = []
        made = lab.request((lab.task("a"), lab.task("b", 1, keyword="fails")), lab.flows("a>b"))
        made = replace(made, workflow=replace(made.workflow, sections=SERVERS))
        keywords = {"work": lab.keyword(sections={"servers": None})}
        services = lab.services({"work": step, "fails": fail}, keywords=keywords, record=recorded.extend)
        await lab.run(replace(made, sections=NEW_SERVER), services)
        again = replace(made, sections=now, previous=previous_tasks(recorded), seq=recorded[-1].seq)
        return (await lab.run(again, lab.services({"work": step, "fails": fail}, keywords=keywords))).tasks[0].reused

    assert await reused(NEW_SERVER)
    assert not await reused(SERVERS)
