"""A limit policy that writes down what it is asked and told, and what it judges: a provider and a keyword of others."""

import json
import os
import signal
import threading
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

from nika_core.plugin import (
    Category,
    Effect,
    Estimate,
    Facets,
    Finished,
    Keyword,
    LimitPolicy,
    ModelInfo,
    Policy,
    Price,
    Provider,
    Refusal,
    StepOutput,
    TaskError,
    TextDelta,
    TokenEstimate,
    Tool,
    ToolCall,
    ToolSpec,
    Usage,
    hookimpl,
)
from nika_core.plugin.fields import Map, Optional, Str, field

NIKA_API = 1
LOG = Path("told.jsonl")


def note(what, about):
    """Append a line. It is there even if the process is killed right after."""
    shown = {name: getattr(about, name) for name in type(about).__dataclass_fields__}
    with LOG.open("a") as log:
        log.write(json.dumps({"what": what, **shown}, default=str) + "\n")


def told(*what):
    """Return the lines, in order; `what` picks some."""
    lines = [json.loads(line) for line in LOG.read_text().splitlines()] if LOG.exists() else []
    return [line for line in lines if not what or line["what"] in what]


def die():
    """Kill this process. The thread that does it may go on for a moment."""
    os.kill(os.getpid(), signal.SIGKILL)
    threading.Event().wait()


class Recorder(Policy):
    def admit(self, request):
        note("admit", request)
        refused = os.environ.get("REFUSE", "").split()
        if request.stage.value in refused or request.task_id in refused:
            return Refusal("not today", "come back tomorrow")
        if request.stage == "model" and request.task_id == "later" and len(told("admit")) < 6:
            return Refusal("not now", retry_after=0.01)
        return None

    def sending(self, request):
        if request.task_id == "unsendable":
            raise RuntimeError("the line is cut")
        note("sending", request)

    def settle(self, spending):
        if os.environ.get("DEAF"):
            raise RuntimeError("cannot hear")
        if os.environ.get("KILL_IN_SETTLE") and spending.stage == "model":
            note("settle", spending)
            die()
        note("settle", spending)

    def ended(self, spending):
        note("ended", spending)


class Client:
    def __init__(self, environ):
        pass

    def info(self, model):
        return ModelInfo(model, 100_000, 1000, price=Price(Decimal(1), Decimal(10)))

    def models(self):
        return [self.info("acme")]

    async def estimate(self, request):
        return TokenEstimate(10)

    async def stream(self, request) -> AsyncIterator:
        text = request.messages[-1].text
        if "kill" in text and not Path("killed").exists():
            Path("killed").touch()
            die()
        if "fail" in text:
            raise TaskError("no", category=Category.CONFIG, usage=Usage(10, 0))
        if "tool" in text:
            call = ToolCall("1", "deploy", {"app": "shop", "password": "hunter22"})
            yield Finished("toolUse", Usage(10, 2), parts=(call,))
            return
        yield TextDelta("hi")
        if "lost" in text:
            raise TaskError("gone", category=Category.NETWORK, retriable=False)
        yield Finished("end", Usage(10, 2))

    async def close(self):
        pass


class DeployFacets(Facets):
    def effects(self, payload):
        return [Effect("host", f"{payload.fields['app']}.acme.example")]

    def estimate(self, payload):
        return Estimate(cost_high=0.25)

    def redact(self, payload):
        return {name: "***" if name == "password" else value for name, value in payload.items()}

    async def tools(self, reference, context):
        schema = {"type": "object", "properties": {"app": {"type": "string"}, "password": {"type": "string"}}}
        return [Tool("deploy", "deploy", ToolSpec("deploy", "Deploys an app.", schema), dict)]


class Deploy:
    async def run(self, payload, context):
        return StepOutput("done", usage=Usage(cost_usd=Decimal("0.05")))


@hookimpl
def nika_limit_policies():
    return [LimitPolicy(name="recorder", summary="Writes down.", policy=f"{__name__}:Recorder")]


@hookimpl
def nika_providers():
    return [Provider(name="acme", summary="x", models=("acme*",), client=f"{__name__}:Client")]


@hookimpl
def nika_task_keywords():
    payload = Map({"app": field(Str(), "Which."), Optional("password"): field(Str(), "Who may.")})
    return [
        Keyword(
            name="deploy",
            summary="Deploys.",
            primary="app",
            payload=payload,
            step=f"{__name__}:Deploy",
            facets=f"{__name__}:DeployFacets",
        )
    ]
