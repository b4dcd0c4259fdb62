"""Keywords that keep every rule but one. The honest one keeps all."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from nika_core.errors import TaskError
from nika_core.plugin import Effect, Estimate, Facets, Keyword, StepOutput, hookimpl
from nika_core.plugin.fields import Bool, Map, MapPattern, Optional, Str, field

NIKA_API = 1
HERE = "cheating_keywords"
PAYLOAD = Map(
    {
        "text": field(Str(), "What to give back."),
        Optional("slow"): field(Bool(), "Whether to wait."),
        Optional("large"): field(Bool(), "Whether to give a lot."),
    }
)


class HonestFacets(Facets):
    def effects(self, payload):
        return ()


class Honest:
    async def run(self, payload, context):
        if payload.get("slow"):
            await self.wait()
        if payload.get("large"):
            return StepOutput("x" * context.max_output, original_bytes=10**9)
        return payload["text"]

    async def wait(self):
        await asyncio.sleep(600)


class UnknowingFacets(HonestFacets):
    def output_schema(self, fields):
        return {"type": "object", "properties": {"text": {}}}


class Failing(Honest):
    async def run(self, payload, context):
        raise TaskError("never", retriable=False)


class Swallowing(Honest):
    async def wait(self):
        for _ in range(3):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(600)


class LeavingProcesses(Honest):
    async def wait(self):
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
        await asyncio.sleep(600)


class LeavingSockets(Honest):
    kept: list = []

    async def wait(self):
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        self.kept.append(listener)
        await asyncio.sleep(600)


class LeavingFiles(Honest):
    async def wait(self):
        import tempfile

        handle, _ = tempfile.mkstemp()
        os.close(handle)
        await asyncio.sleep(600)


class Blocking(Honest):
    async def wait(self):
        time.sleep(1.2)
        await asyncio.sleep(600)


class Greedy(Honest):
    async def run(self, payload, context):
        return await super().run(payload, context) if not payload.get("large") else "x" * 150_000_000


class Structured(Honest):
    async def run(self, payload, context):
        return {"text": await super().run(payload, context)}


class Leaking(Honest):
    async def run(self, payload, context):
        sys.stderr.write(f"debug: {payload}\n")
        return await super().run(payload, context)


class Noting(Honest):
    async def run(self, payload, context):
        Path(os.environ["TMPDIR"], "cheating.log").write_text(str(payload))
        try:
            return await super().run(payload, context)
        finally:
            Path(os.environ["TMPDIR"], "cheating.log").unlink() if payload.get("slow") else None


class Printing(Honest):
    async def run(self, payload, context):
        print("done")
        return await super().run(payload, context)


class KeepingContext(Honest):
    kept = None

    async def run(self, payload, context):
        if self.kept is not None:
            self.kept.notice("still here")
        self.kept = context
        return await super().run(payload, context)


class LeavingTasks(Honest):
    async def run(self, payload, context):
        self.task = asyncio.create_task(self.wait())
        return await super().run(payload, context)


class LeavingTimers(Honest):
    async def run(self, payload, context):
        asyncio.get_running_loop().call_later(0.05, context.emit_text, "late")
        return await super().run(payload, context)


class Grouping(Honest):
    """Keeps every rule: its tasks end with it, and what it shares is the run's."""

    async def run(self, payload, context):
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0.01))
        told_to_stop = asyncio.create_task(asyncio.sleep(600))
        await asyncio.sleep(0)
        told_to_stop.cancel()
        await context.resource("background", self.background)
        context.notice("done")
        return await super().run(payload, context)

    @contextlib.asynccontextmanager
    async def background(self):
        task = asyncio.create_task(asyncio.sleep(600))
        yield task
        task.cancel()


class Calling(HonestFacets):
    def effects(self, payload):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", 9), 0.1):
            pass
        return ()


class Writing(HonestFacets):
    def check(self, payload, report):
        (payload.folder / "cache").write_text("x")


class Reading(HonestFacets):
    def check(self, payload, report):
        Path("/etc/hosts").read_text()


class Starting(HonestFacets):
    def mock(self, payload):
        return subprocess.run(["echo", "mock"], capture_output=True, text=True, check=False).stdout


class Wavering(HonestFacets):
    def estimate(self, payload):
        return Estimate(cost_high=1 + time.perf_counter() % 1)


class Dawdling(HonestFacets):
    def redact(self, payload):
        time.sleep(0.2)
        return payload


class Confused(HonestFacets):
    def effects(self, payload):
        return ["everything"]


class Rambling(HonestFacets):
    def call_fields(self, payload):
        return {"words": payload["text"].split()}


class Spoiling(HonestFacets):
    def check(self, payload, report):
        payload.fields["text"] = "spoilt"


class Showing(HonestFacets):
    def effects(self, payload):
        value = os.environ.get("NIKA_CONFORMANCE_TOKEN") or "nobody"
        return (Effect("host", value),)


def keyword(word, step="Honest", facets="HonestFacets", **more):
    given = {"name": word, "summary": "A test.", "primary": "text", "payload": PAYLOAD, **more}
    return Keyword(step=f"{HERE}:{step}", facets=f"{HERE}:{facets}", **given)


@hookimpl
def nika_task_keywords():
    return [
        keyword("honest"),
        keyword("lax", payload=MapPattern(Str(), Str())),
        keyword("undocumented", payload=Map({"text": Str(), Optional("slow"): Bool(), Optional("large"): Bool()})),
        keyword("pointless", primary="no_such_field"),
        keyword("absent", step="NoSuchClass"),
        keyword("hidden-fields", short_form_only=True),
        keyword("synchronous", facets="Honest"),
        keyword("untemplated", rendered_fields=frozenset({"text"})),
        keyword("failing", "Failing"),
        keyword("swallowing", "Swallowing"),
        keyword("leaving-processes", "LeavingProcesses"),
        keyword("leaving-sockets", "LeavingSockets"),
        keyword("leaving-files", "LeavingFiles"),
        keyword("blocking", "Blocking"),
        keyword("greedy", "Greedy"),
        keyword("structured", "Structured"),
        keyword("leaking", "Leaking"),
        keyword("noting", "Noting"),
        keyword("printing", "Printing"),
        keyword("keeping-context", "KeepingContext"),
        keyword("leaving-tasks", "LeavingTasks"),
        keyword("leaving-timers", "LeavingTimers"),
        keyword("grouping", "Grouping"),
        keyword("unknowing", facets="UnknowingFacets"),
        keyword("calling", facets="Calling"),
        keyword("writing", facets="Writing"),
        keyword("reading", facets="Reading"),
        keyword("starting", facets="Starting"),
        keyword("wavering", facets="Wavering"),
        keyword("dawdling", facets="Dawdling"),
        keyword("confused", facets="Confused"),
        keyword("rambling", facets="Rambling"),
        keyword("spoiling", facets="Spoiling"),
    ]
