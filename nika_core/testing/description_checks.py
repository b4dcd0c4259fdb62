"""Checks that are the same for every kind of plugin: what is installed, what importing it does, what it describes."""

from __future__ import annotations

import inspect
import sys
from importlib import import_module
from typing import Any, Final, TypeVar

import importlib_metadata

from nika_core.document.validation.compile_validators import compile_schema
from nika_core.errors import NikaError
from nika_core.plugin import Facets, Keyword, KeywordCategory, LimitPolicy, Policy, Provider, TemplateSource
from nika_core.plugin.fields import field_docs
from nika_core.registry import Kind, PluginRecord, Registry
from nika_core.registry.kinds import BY_ID
from nika_core.registry.loading import Description, load_object
from nika_core.testing.errors import NotConformant, require
from nika_core.testing.interpreter import in_fresh_interpreter
from nika_core.testing.own_time import own_seconds

DECLARED: Final = "declared"
LIGHT: Final = "light"
QUIET_IMPORT: Final = "quiet import"

# Of what is often wrapped, by the first part of a module's name. Whatever else is heavy shows in time and in number.
HEAVY: Final = frozenset(
    {
        "aiohttp", "anthropic", "azure", "boto3", "botocore", "cv2", "django", "fastapi", "flask", "google", "grpc",
        "httpcore", "httpx", "httpx2", "huggingface_hub", "jsonschema", "llama_cpp", "mcp", "mistralai", "numpy",
        "ollama", "openai", "pandas", "playwright", "psycopg", "psycopg2", "pydantic", "redis", "requests", "scipy",
        "selenium", "sklearn", "sqlalchemy", "starlette", "tensorflow", "tiktoken", "tokenizers", "torch",
        "transformers", "uvicorn", "uvloop", "websockets", "xllamacpp",
    }
)  # fmt: skip
MOST_MODULES: Final = 25  # of others, that importing the declaring module may bring
MOST_RATIO: Final = 0.5  # of the time that importing nika_core.plugin and strictyaml takes
LEAST_SECONDS: Final = 0.05  # which is always allowed
_TRIES: Final = 3

D = TypeVar("D", Keyword, Provider, TemplateSource, LimitPolicy)


def check_description(kind: Kind, word: str) -> Description:
    """Check that one installed distribution offers the word, and that its hook describes what its entry point names.

    Raises:
        NotConformant: with what the registry, or a look at the description, says is wrong.
    """
    registry = Registry()
    statuses = [status for status in registry.listing() if status.record.kind is kind and status.record.word == word]
    require(
        statuses,
        DECLARED,
        f"no installed distribution has an entry point '{word}' in the group {kind.group}; install the plugin first "
        "(pip install -e .), and again after a change of its entry points",
    )
    available = [status for status in statuses if status.status == "available"]
    require(available, DECLARED, f"'{word}' is {statuses[0].status}: {statuses[0].why}")
    record = available[0].record
    try:
        description = registry.description(record)
        for role, name in _names(kind, description).items():
            _usable(kind, role, name, load_object(record, name))
    except NikaError as error:
        raise NotConformant(DECLARED, error.message) from error
    if kind is not Kind.COMMAND:  # whose summary may be that of its distribution
        require(description.summary.strip(), DECLARED, f"'{word}' has no summary")
    if isinstance(description, Keyword):
        _consistent(description)
    return description


_METHODS: Final = {
    (Kind.PROVIDER, "client"): ("info", "models", "stream", "estimate", "health", "close"),
    (Kind.TEMPLATE_SOURCE, "source"): ("check", "depends_on", "resolve"),
    (Kind.SECRET_SOURCE, "source"): ("fetch", "places"),
    (Kind.BACKEND, "backend"): (
        *("submit", "events", "signal", "cancel", "result", "definition", "runs", "offered", "serve", "close"),
    ),
    (Kind.OBSERVER, "observer"): ("observe", "close"),
}
_BASES: Final = {"facets": Facets, "policy": Policy}


def _names(kind: Kind, description: Description) -> dict[str, str]:
    return {named.field: getattr(description, named.field) for named in kind.value.objects}


def _usable(kind: Kind, role: str, name: str, value: Any) -> None:
    if role == "step":
        run = getattr(value, "run", None)
        require(inspect.iscoroutinefunction(run), DECLARED, f"{name} has no `async def run(self, payload, context)`")
    if role == "notifier":
        notify = getattr(value, "notify", None)
        require(inspect.iscoroutinefunction(notify), DECLARED, f"{name} has no `async def notify(self, notice)`")
    if kind is Kind.SECRET_SOURCE:
        fetch = getattr(value, "fetch", None)
        require(inspect.iscoroutinefunction(fetch), DECLARED, f"{name} has no `async def fetch(self, name)`")
    if role == "files":
        require(callable(value), DECLARED, f"{name} is not a function")
    if role == "app":
        require(callable(value), DECLARED, f"{name} is neither a Typer app nor a function")
    missing = [each for each in _METHODS.get((kind, role), ()) if not callable(getattr(value, each, None))]
    require(not missing, DECLARED, f"{name} has no {', '.join(missing)}")
    base = _BASES.get(role)
    fits = base is None or (isinstance(value, type) and issubclass(value, base))
    require(fits, DECLARED, f"{name} is not a subclass of {base and base.__name__}")


def _consistent(keyword: Keyword) -> None:
    """Check that the description only names fields which the payload has."""
    fields = set(compile_schema(keyword.payload).fields)
    if not fields:  # no Map: whether it refuses unknown keys is another check's question
        return
    require(keyword.primary in fields, DECLARED, f"`primary` is {keyword.primary!r}, which the payload does not have")
    others = ", ".join(sorted(fields - {keyword.primary}))
    require(
        not (keyword.short_form_only and others),
        DECLARED,
        f"it has only the short form, and the payload has fields that nobody can write: {others}",
    )
    for name in ("json_fields", "verbatim_fields", "rendered_fields", "file_fields"):
        unknown = set(getattr(keyword, name)) - fields
        require(not unknown, DECLARED, f"`{name}` names {', '.join(sorted(unknown))}, which the payload does not have")
    undocumented = fields - set(field_docs(keyword.payload))
    require(
        not undocumented,
        DECLARED,
        f'{", ".join(sorted(undocumented))} have no documentation, which editors show: fields.field(validator, "...")',
    )
    module, _, name = keyword.facets.partition(":")
    facets = getattr(import_module(module), name)
    is_group = keyword.category is KeywordCategory.GROUP
    require(
        is_group == (facets.workflow is not Facets.workflow),
        DECLARED,
        "a keyword of category GROUP, and no other, has facets with `workflow`, which say what it stands for",
    )
    if keyword.rendered_fields:
        require(
            facets.render is not Facets.render, DECLARED, "it has `rendered_fields`, and its facets have no `render`"
        )


def check_light_import(kind: Kind, word: str, *, also: tuple[str, ...] = ()) -> None:
    """Check that importing the declaring module (and `also`) imports no SDK and takes hardly any time.

    It is measured in a process of its own, side by side with `nika_core.plugin`, strictyaml and asyncio: at most half
    their time, or 50 ms, and at most 25 modules of others. Of three tries the best counts.

    Raises:
        NotConformant: with the modules or the time.
    """
    record = _record(kind, word)
    message = ""
    for _ in range(_TRIES):
        process = in_fresh_interpreter(
            "nika_core.testing.description_checks:import_weight",
            {"modules": [record.module, *also]},
            environ=_quiet_coverage(),
        )
        require(not process.failed, LIGHT, f"importing {record.module} fails: {process.failed}")
        weight = process.value
        heavy = sorted({name.partition(".")[0] for name in weight["new"]} & HEAVY)
        require(not heavy, LIGHT, f"importing {record.module} imports {', '.join(heavy)}: import it on first use")
        packages = _own_packages(record)
        others = sorted(name for name in weight["new"] if name.partition(".")[0] not in packages | {"nika_core"})
        require(
            len(others) <= MOST_MODULES,
            LIGHT,
            f"importing {record.module} imports {len(others)} modules of others, {MOST_MODULES} are fine: "
            + ", ".join(others[:10]),
        )
        allowed = max(LEAST_SECONDS, MOST_RATIO * weight["base"])
        if weight["seconds"] <= allowed:
            return
        message = f"importing {record.module} takes {weight['seconds']:.3f} s, {allowed:.3f} s are fine"
    raise NotConformant(LIGHT, message)


def check_quiet_import(kind: Kind, word: str) -> None:
    """Check that importing and describing writes nothing to stdout and starts no thread.

    Raises:
        NotConformant: with what it did.
    """
    record = _record(kind, word)
    process = in_fresh_interpreter(
        "nika_core.testing.description_checks:threads_of_import", {"kind": kind.id, "word": word}
    )
    require(not process.failed, QUIET_IMPORT, process.failed)
    require(not process.stdout, QUIET_IMPORT, f"importing {record.module} writes to stdout: {process.stdout[:200]!r}")
    require(
        not process.value["threads"],
        QUIET_IMPORT,
        f"importing {record.module} starts threads: {process.value['threads']}",
    )


def import_weight(modules: list[str]) -> dict[str, Any]:
    """Import modules; return their names and seconds, and those of what every plugin imports. For a subprocess."""
    begun = own_seconds()
    import_module("nika_core.plugin")
    import_module("strictyaml")
    import_module("asyncio")  # every run has it
    base = own_seconds() - begun
    before = set(sys.modules)
    begun = own_seconds()
    for module in modules:
        import_module(module)
    seconds = own_seconds() - begun
    return {"base": base, "seconds": seconds, "new": sorted(set(sys.modules) - before)}


def threads_of_import(kind: str, word: str) -> dict[str, Any]:
    """Import and register a plugin and return the threads that it started. For a subprocess."""
    import threading

    before = {thread.name for thread in threading.enumerate()}
    record = Registry().record(BY_ID[kind], word)
    module = import_module(record.module)
    for name in vars(module):
        if name.startswith("nika_") and callable(getattr(module, name)):
            list(getattr(module, name)())
    Registry().description(record)
    return {"threads": sorted({thread.name for thread in threading.enumerate()} - before)}


def _record(kind: Kind, word: str) -> PluginRecord:
    try:
        return Registry().record(kind, word)
    except NikaError as error:
        raise NotConformant(DECLARED, error.message) from error


def _own_packages(record: PluginRecord) -> set[str]:
    """Return the top-level packages of the plugin's distribution, and that of its module."""
    packages = {record.module.partition(".")[0]}
    for file in importlib_metadata.distribution(record.distribution).files or ():
        packages.add(file.parts[0].removesuffix(".py"))
    return packages


def _quiet_coverage() -> dict[str, str]:
    return {"COVERAGE_PROCESS_CONFIG": ""}  # tracing would be what is measured
