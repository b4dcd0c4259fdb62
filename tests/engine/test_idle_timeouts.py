"""`idleTimeout`: an attempt fails after so long without a sign of life from its step."""

import pytest

from nika_core.model.message import parts_of
from nika_core.model.usage import NOTHING
from nika_core.model.workflow import Retry
from nika_core.plugin import ModelReply, ModelRequest

SIGNS = {
    "heartbeat": lambda context: context.heartbeat(),
    "text": lambda context: context.emit_text("x"),
    "progress": lambda context: context.progress(1),
    "notice": lambda context: context.notice("x"),
}


async def one(lab, step, **task):
    request = lab.request((lab.task("a", idle_timeout=3.0, **task),))
    return (await lab.run(request, lab.services(step))).tasks[0]


@pytest.mark.parametrize("sign", SIGNS)
async def test_a_step_that_gives_signs_of_life_goes_on(lab, sign):
    async def step(payload, context):
        for _ in range(5):
            await context.clock.sleep(2)
            SIGNS[sign](context)
        return "done"

    result = await one(lab, step)
    assert (result.state, result.output) == ("success", "done")


async def test_one_that_is_silent_for_too_long_fails(lab):
    ended = []

    async def step(payload, context):
        await context.clock.sleep(2)
        context.heartbeat()
        try:
            await context.clock.sleep(100)
        finally:
            ended.append(context.clock.monotonic())

    clock = lab.services(step).clock
    began = clock.monotonic()
    request = lab.request((lab.task("a", idle_timeout=3.0),))
    result = (await lab.run(request, lab.services(step, clock=clock))).tasks[0]
    assert (result.state, result.error.category, result.attempts) == ("failed", "timeout", 1)
    assert result.error.message == "`work` gave no output or other sign of life for 3 s"
    assert "idleTimeout" in result.error.hint
    assert ended == [began + 5]


async def test_it_is_tried_again_and_the_time_begins_anew(lab):
    attempts = []

    async def step(payload, context):
        attempts.append(context.clock.monotonic())
        await context.clock.sleep(2 if len(attempts) > 1 else 50)
        return "done"

    result = await one(lab, step, retry=Retry(max=3, backoff=1))
    assert (result.state, result.attempts) == ("success", 2)


async def test_the_timeout_holds_beside_it(lab):
    async def step(payload, context):
        while True:
            await context.clock.sleep(1)
            context.heartbeat()

    result = await one(lab, step, timeout=7.0)
    assert (result.error.category, result.error.message) == ("timeout", "`work` did not end within 7 s")


async def test_each_piece_of_a_models_reply_is_a_sign(lab):
    class Slow:
        async def complete(self, request, scope):
            for _ in range(4):
                await clock.sleep(2)
                scope.heartbeat()
            return ModelReply(parts_of("done"), "end", NOTHING, "m")

        async def close(self):
            pass

    async def step(payload, context):
        return (await context.complete(ModelRequest(()))).text

    services = lab.services(step, caller=Slow())
    clock = services.clock
    result = (await lab.run(lab.request((lab.task("a", idle_timeout=3.0),)), services)).tasks[0]
    assert (result.state, result.output) == ("success", "done")
