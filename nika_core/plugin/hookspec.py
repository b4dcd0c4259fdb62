"""The hooks. Each returns small typed descriptions; the objects that they name do the work.

No wrappers, no `firstresult`, no order: nothing may depend on the order of plugins.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import pluggy

if TYPE_CHECKING:  # each kind's module is imported by the plugins that bring one of it
    from nika_core.plugin.backend import BackendDescription
    from nika_core.plugin.command import Command
    from nika_core.plugin.keyword import Keyword
    from nika_core.plugin.limit_policy import LimitPolicy
    from nika_core.plugin.notifier import NotifierDescription
    from nika_core.plugin.observer import ObserverDescription
    from nika_core.plugin.project_template import ProjectTemplate
    from nika_core.plugin.provider import Provider
    from nika_core.plugin.secret_source import SecretSourceDescription
    from nika_core.plugin.template_source import TemplateSource

PROJECT: Final = "nika"
hookspec: Final = pluggy.HookspecMarker(PROJECT)
hookimpl: Final = pluggy.HookimplMarker(PROJECT)


@hookspec(historic=True)
def nika_task_keywords() -> Iterable[Keyword]:  # type: ignore[empty-body]  # a hook specification has no body
    """Return the keywords that this plugin brings, one for each of its `nika.keywords` entry points.

    A complete plugin, `acme_greet.py`:

        from nika_core.plugin import Keyword, fields, hookimpl

        NIKA_API = 1

        @hookimpl
        def nika_task_keywords():
            payload = fields.Map({"who": fields.Str()})
            return [Keyword(name="greet", summary="Greets.", primary="who", payload=payload, step="acme_greet:Greet")]

        class Greet:
            async def run(self, payload, context):
                return f"Hello, {payload['who']}"

    and in its pyproject.toml:

        [project.entry-points."nika.keywords"]
        greet = "acme_greet"

    A task that uses it is `{id: hello, greet: Ada}`.
    """


@hookspec(historic=True)
def nika_providers() -> Iterable[Provider]:  # type: ignore[empty-body]  # a hook specification has no body
    """Return the model providers that this plugin brings, one for each of its `nika.providers` entry points.

    A complete plugin, `acme_parrot.py`:

        from nika_core import Usage
        from nika_core.plugin import Finished, Health, ModelInfo, Provider, TextDelta, TokenEstimate, hookimpl

        NIKA_API = 1

        @hookimpl
        def nika_providers():
            return [Provider(name="parrot", summary="Repeats.", models=("parrot-*",), client="acme_parrot:Parrot")]

        class Parrot:
            def __init__(self, environ): ...
            def info(self, model):
                return ModelInfo(name=model)
            def models(self):
                return [self.info("parrot-1")]
            async def stream(self, request):
                text = request.messages[-1].text
                yield TextDelta(text)
                yield Finished("end", Usage(input_tokens=len(text), output_tokens=len(text)))
            async def estimate(self, request):
                return TokenEstimate(sum(len(message.content) for message in request.messages))
            async def health(self):
                return Health(True, "awake")
            async def close(self): ...

    and in its pyproject.toml:

        [project.entry-points."nika.providers"]
        parrot = "acme_parrot"

    A workflow uses it with `agent: {model: parrot-1}`.
    """


@hookspec(historic=True)
def nika_template_sources() -> Iterable[TemplateSource]:  # type: ignore[empty-body]  # a hook specification
    """Return the template sources that this plugin brings, one for each of its `nika.template_sources` entry points.

    A complete plugin, `acme_site.py`:

        from nika_core.plugin import TemplateSource, hookimpl

        NIKA_API = 1
        VALUES = {"city": "Paris"}

        @hookimpl
        def nika_template_sources():
            return [TemplateSource(name="site", summary="Where we are.", source="acme_site:Site")]

        class Site:
            def check(self, placeholder, scope, report):
                if placeholder.path[0] not in VALUES:
                    report(f"there is no value '{placeholder.path[0]}'")
            def depends_on(self, placeholder):
                return ()
            def resolve(self, placeholder, values):
                return VALUES[placeholder.path[0]]

    and in its pyproject.toml:

        [project.entry-points."nika.template_sources"]
        site = "acme_site"

    A workflow names its value as `${site.city}`.
    """


@hookspec(historic=True)
def nika_limit_policies() -> Iterable[LimitPolicy]:  # type: ignore[empty-body]  # a hook specification has no body
    """Return the limit policies that this plugin brings, one for each of its `nika.limit_policies` entry points.

    A complete plugin, `acme_house.py`:

        from nika_core.plugin import LimitPolicy, Policy, Refusal, Stage, hookimpl

        NIKA_API = 1

        @hookimpl
        def nika_limit_policies():
            return [LimitPolicy(name="house", summary="Agents do not deploy.", policy="acme_house:House")]

        class House(Policy):
            def admit(self, request):
                if request.stage is Stage.TOOL and request.tool.startswith("deploy"):
                    return Refusal("agents may not deploy here")
                if any(host.endswith(".internal") for host in request.hosts):
                    return Refusal(f"{request.user} may not reach {', '.join(request.hosts)} from here")
                return None

            def settle(self, spending):
                with open("/var/log/nika-spending.csv", "a") as log:
                    log.write(f"{spending.call},{spending.user},{spending.cost_usd}" + chr(10))

    and in its pyproject.toml:

        [project.entry-points."nika.limit_policies"]
        house = "acme_house"

    It holds for every run as soon as it is installed.
    """


@hookspec(historic=True)
def nika_commands() -> Iterable[Command]:  # type: ignore[empty-body]  # a hook specification has no body
    """Return the commands that this plugin brings, one for each of its `nika.commands` entry points.

    A complete plugin, `acme_hello.py`:

        import typer
        from nika_core.plugin import Command, CommandContext, hookimpl

        NIKA_API = 1

        @hookimpl
        def nika_commands():
            return [Command(name="hello", app="acme_hello:hello")]

        def hello(context: typer.Context, name: str = "world") -> None:
            '''Greet somebody.'''
            nika: CommandContext = context.obj
            nika.terminal.print_data(f"hello, {name}, from {nika.folder}")

    and in its pyproject.toml:

        [project.entry-points."nika.commands"]
        hello = "acme_hello"

    The command is then called as `nika hello --name Ada`.
    """


@hookspec(historic=True)
def nika_notifiers() -> Iterable[NotifierDescription]:  # type: ignore[empty-body]  # a hook specification has no body
    """Return the notifiers that this plugin brings, one for each of its `nika.notifiers` entry points.

    A complete plugin, `acme_inbox.py`:

        import asyncio
        from nika_core.plugin import NotifierDescription, fields, hookimpl

        NIKA_API = 1

        @hookimpl
        def nika_notifiers():
            settings = fields.Map({"file": fields.NonEmptyStr()})
            summary = "Writes questions into a file."
            return [NotifierDescription(name="inbox", summary=summary, notifier="acme_inbox:Inbox", settings=settings)]

        class Inbox:
            def __init__(self, setup):
                self.path = setup.folder / setup.settings["file"]
            async def notify(self, notice):
                await asyncio.to_thread(self.write, f"{notice.message} Answer: {notice.command}\\n")
            def write(self, line):
                with self.path.open("a") as file:
                    file.write(line)

    and in its pyproject.toml:

        [project.entry-points."nika.notifiers"]
        inbox = "acme_inbox"

    A project uses it with `inbox: {file: questions.txt}` in its `nika.yaml`.
    """


@hookspec(historic=True)
def nika_secret_sources() -> Iterable[SecretSourceDescription]:  # type: ignore[empty-body]  # a hook specification
    """Return the secret sources that this plugin brings, one for each of its `nika.secret_sources` entry points.

    A complete plugin, `acme_vault.py`:

        import asyncio
        import json
        from nika_core.plugin import SecretSourceDescription, hookimpl

        NIKA_API = 1

        @hookimpl
        def nika_secret_sources():
            return [SecretSourceDescription(name="vault", summary="Our vault.", source="acme_vault:Vault")]

        class Vault:
            def __init__(self, setup):
                self.path = setup.environ.get("ACME_VAULT", "/srv/vault.json")
            async def fetch(self, name):
                return (await asyncio.to_thread(self.read)).get(name)
            def places(self, name):
                return self.path
            def read(self):
                with open(self.path) as file:
                    return json.load(file)

    and in its pyproject.toml:

        [project.entry-points."nika.secret_sources"]
        vault = "acme_vault"

    A workflow names its secret as `${secret.deploy_token}`, whichever source has it.
    """


@hookspec(historic=True)
def nika_observers() -> Iterable[ObserverDescription]:  # type: ignore[empty-body]  # a hook specification has no body
    """Return the observers that this plugin brings, one for each of its `nika.observers` entry points.

    A complete plugin, `acme_failures.py`:

        from nika_core.plugin import EventKind, ObserverDescription, fields, hookimpl

        NIKA_API = 1

        @hookimpl
        def nika_observers():
            settings = fields.Map({"file": fields.NonEmptyStr()})
            summary = "Writes each failed task into a file."
            observer = "acme_failures:Failures"
            return [ObserverDescription(name="failures", summary=summary, observer=observer, settings=settings)]

        class Failures:
            def __init__(self, setup):
                self.file = (setup.folder / setup.settings["file"]).open("a")
            def observe(self, event):
                if event.kind == EventKind.TASK_FAILED:
                    self.file.write(f"{event.run_id} {event.task}: {event.data['error']['message']}\\n")
            def close(self):
                self.file.close()

    and in its pyproject.toml:

        [project.entry-points."nika.observers"]
        failures = "acme_failures"

    A project uses it with `failures: {file: failures.txt}` in its `nika.yaml`.
    """


@hookspec(historic=True)
def nika_backends() -> Iterable[BackendDescription]:  # type: ignore[empty-body]  # a hook specification has no body
    """Return the backends that this plugin brings, one for each of its `nika.backends` entry points.

    A complete plugin, `acme_inline.py`:

        import asyncio
        import time
        from functools import partial
        from nika_core.plugin import BackendDescription, EndRun, RunUpdate, UsageError, hookimpl
        from nika_core.plugin import SetTimer, StartWork, StopWork

        NIKA_API = 1

        @hookimpl
        def nika_backends():
            return [BackendDescription(name="inline", summary="Runs here.", backend="acme_inline:Inline")]

        class Inline:
            def __init__(self, setup):
                self.kernel, self.drivers, self.runners, self.results = setup.kernel, {}, {}, {}
                self.definitions, self.works, self.timers = {}, {}, set()

            async def submit(self, submission):
                run, definition = submission.run_id, submission.definition
                if self.definitions.setdefault(run, definition) and run in self.drivers:
                    raise UsageError(f"there is a run {run} already")
                self.drivers[run] = self.kernel.driver(definition, time.time)
                self.runners[run] = self.kernel.runner(definition)
                self.do(run, self.drivers[run].start())

            def do(self, run, actions):
                for action in actions:
                    if isinstance(action, EndRun):
                        self.results[run] = action.result
                    if isinstance(action, StartWork):
                        work = self.works[run, action.id] = asyncio.ensure_future(self.work(run, action))
                        work.add_done_callback(partial(self.lost, run, action))
                    elif isinstance(action, StopWork):
                        self.works[run, action.id].cancel()
                    elif isinstance(action, SetTimer):
                        self.timers.add(asyncio.ensure_future(self.timer(run, action)))

            def lost(self, run, action, work):
                if work.cancelled():  # before its first step
                    self.do(run, self.drivers[run].lost(action.id, "stopped"))

            async def work(self, run, action, state=None):
                end = await self.runners[run].run(action.work, state=state)
                while end.retry is not None:
                    await asyncio.sleep(end.retry)
                    end = await self.runners[run].run(action.work, state=end.state)
                self.do(run, self.drivers[run].ended(action.id, end.report))

            async def timer(self, run, action):
                await asyncio.sleep(action.seconds)
                self.do(run, self.drivers[run].timer_fired(action.id))

            async def events(self, run_id, since=0):
                while True:
                    result, view = await self.result(run_id), self.drivers[run_id].view(since)
                    since += len(view["events"])
                    yield RunUpdate(**view, result=result)
                    if result is not None:
                        return
                    await asyncio.sleep(0.01)

            async def signal(self, run_id, signal):
                self.do(run_id, self.drivers[run_id].signal(signal))

            async def cancel(self, run_id, reason):
                self.do(run_id, self.drivers[run_id].cancel(reason))

            async def result(self, run_id):
                if run_id not in self.drivers:
                    raise UsageError(f"there is no run {run_id}")
                return self.results.get(run_id)

            async def definition(self, run_id):
                return self.definitions[run_id]

            async def runs(self, limit=100):
                return []

            async def offered(self):
                return {}

            async def serve(self, options):
                raise UsageError("this backend has no workers")

            async def close(self):
                _ = [task.cancel() for task in (*self.works.values(), *self.timers)]
                _ = [await runner.close() for runner in self.runners.values()]

    and in its pyproject.toml:

        [project.entry-points."nika.backends"]
        inline = "acme_inline"

    `nika run --on inline:// WORKFLOW` then runs in its own process; a timer that the driver has cleared does no harm.
    """


@hookspec(historic=True)
def nika_project_templates() -> Iterable[ProjectTemplate]:  # type: ignore[empty-body]  # a hook specification
    """Return the project templates that this plugin brings, one for each of its `nika.project_templates` entry points.

    A complete plugin, `acme_greeter.py`:

        from nika_core.plugin import ProjectTemplate, hookimpl

        NIKA_API = 1

        @hookimpl
        def nika_project_templates():
            return [ProjectTemplate(name="greeter", summary="Greets.", files="acme_greeter:files")]

        def files():
            return {"greeter.nika.yaml": "tasks: [{id: greet, llm: Say hello.}]"}

    and in its pyproject.toml:

        [project.entry-points."nika.project_templates"]
        greeter = "acme_greeter"

    `nika init --template greeter` then makes a project with this workflow.
    """
