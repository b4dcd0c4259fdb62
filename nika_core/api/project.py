"""What a project offers and allows: providers, limits, the schema of its workflows, the meaning of codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from nika_core import codes
from nika_core.api.options import WorkspaceOptions, open_workspace
from nika_core.errors import NikaError, PluginError, UsageError, exit_code_of
from nika_core.model import files
from nika_core.model.json import JsonObject
from nika_core.model.limits import Limit
from nika_core.model.project import FILE_NAME
from nika_core.plugin import Admission, Explanation, Stage

if TYPE_CHECKING:
    from nika_core.app.results import ProviderStatus
    from nika_core.scaffold import Made


def providers(**options: Unpack[WorkspaceOptions]) -> tuple[ProviderStatus, ...]:
    """Return the installed model providers with their models' prices, and whether their keys are set.

    Args:
        options: see `WorkspaceOptions`.
    """
    from nika_core.app.provider_report import describe_providers

    return describe_providers(open_workspace(None, options))


async def check_providers(**options: Unpack[WorkspaceOptions]) -> tuple[ProviderStatus, ...]:
    """Return the same providers with their health: each whose keys are set is asked.

    Args:
        options: see `WorkspaceOptions`.
    """
    from nika_core.app.provider_report import check_health, describe_providers

    workspace = open_workspace(None, options)
    return await check_health(workspace, describe_providers(workspace))


async def list_models(**options: Unpack[WorkspaceOptions]) -> tuple[ProviderStatus, ...]:
    """Return the same providers with all models that they know, that their servers list and that the project names.

    Servers are asked if their keys are set; `health` says what came of it.

    Args:
        options: see `WorkspaceOptions`.
    """
    from nika_core.app.provider_report import describe_models

    return await describe_models(open_workspace(None, options))


def limits(*keywords: str, **options: Unpack[WorkspaceOptions]) -> tuple[Limit, ...]:
    """Return every limit with its value and where it came from.

    Args:
        keywords: others than those that come with Nika, to include their limits. Only these are imported.
        options: see `WorkspaceOptions`.

    Raises:
        PluginError: one of the keywords is not installed, blocked or broken.
    """
    return tuple(open_workspace(None, options).all_limits(keywords))


def limits_left(**options: Unpack[WorkspaceOptions]) -> Mapping[str, float]:
    """Return what is left now of limits that runs share, by `Limit.measure`; nothing if no limit policy keeps any.

    Args:
        options: see `WorkspaceOptions`.

    Raises:
        UsageError: a limit policy cannot say it, e.g. since its database cannot be read.
    """
    from nika_core.app.policy_facts import PolicyFacts

    workspace = open_workspace(None, options)
    request = PolicyFacts(workspace, workspace.limits.amounts).of_admission(Admission(Stage.RUN, ""))
    found: dict[str, float] = {}
    for policy in workspace.policies:
        for measure, amount in policy.left(request).items():
            found[measure] = min(amount, found.get(measure, amount))
    return found


def schema(**options: Unpack[WorkspaceOptions]) -> JsonObject:
    """Return the JSON Schema of a workflow with the installed plugins.

    Args:
        options: see `WorkspaceOptions`.
    """
    from nika_core.document.json_schema import workflow_json_schema
    from nika_core.registry import Kind

    registry = open_workspace(None, options).registry
    return workflow_json_schema(registry, registry.words(Kind.PROVIDER))


def project_schema(**options: Unpack[WorkspaceOptions]) -> JsonObject:
    """Return the JSON Schema of the project file, `nika.yaml`, with the installed plugins.

    Args:
        options: see `WorkspaceOptions`.
    """
    from nika_core.app.project_limits import limit_key
    from nika_core.document.json_schema import project_json_schema
    from nika_core.registry import Kind

    workspace = open_workspace(None, options)
    registry = workspace.registry
    limits = workspace.all_limits(filter(workspace.can_load, registry.keywords()))
    keys = sorted({limit_key(limit.name) for limit in limits if limit.name})
    return project_json_schema(registry, keys, registry.words(Kind.PROVIDER))


def explain(code: str, **options: Unpack[WorkspaceOptions]) -> Explanation:
    """Return what a code means, an example that causes it, and its fix. Raise UsageError if there is no such code.

    Args:
        code: `NIKA-050`, or `50`; or a plugin's own.
        options: see `WorkspaceOptions`.
    """
    from nika_core.app.code_explanations import explanations_of
    from nika_core.explanations import EXPLANATIONS

    wanted = f"NIKA-{int(code):03d}" if code.isdecimal() and len(code) < 4 else code.upper()
    for explanation in explanations_of(open_workspace(None, options)):
        if explanation.code == wanted:
            return explanation
    raise UsageError(f"there is no code {wanted}", hint=f"codes are NIKA-001 to {max(EXPLANATIONS)}, and plugins' own")


def init(
    folder: str | Path,
    schema: JsonObject | None = None,
    project_schema: JsonObject | None = None,
    *,
    template: str = "hello",
) -> tuple[Made, ...]:
    """Make a project that runs at once, without keys, and trust its project file. Nothing is overwritten.

    Args:
        folder: where; made if it is not there.
        schema: what `schema()` returns, for editors.
        project_schema: what `project_schema()` returns, for editors.
        template: the name of an installed project template; `hello`, `review`, `triage`, `report` and `agent` come
            with Nika.

    Raises:
        UsageError: the folder cannot be made or written to.
        PluginError: there is no such template, or it is blocked or broken.
    """
    from nika_core.api.trusting import trust
    from nika_core.scaffold import make_project

    workspace = open_workspace(None, {"folder": folder} if files.is_folder(Path(folder)) else {})
    try:
        texts = workspace.registry.project_files(template)
    except PluginError as error:
        error.exit_code = exit_code_of((error.problem(),))  # a list that refuses it is a refusal
        raise
    made = tuple(make_project(Path(folder), texts, f"{template}.nika.yaml", schema, project_schema))
    if any(file.path == Path(folder) / FILE_NAME and not file.kept for file in made):
        with suppress(NikaError):  # no home to record it in, or plugins that cannot be used: neither harms the project
            trust(folder=folder)
    return made


def read_inputs(path: str | Path, *, text: str | None = None, option: str = "--inputs") -> dict[str, Any]:
    """Return the values by name in a YAML or JSON file, as `--inputs` reads them. Raise UsageError.

    Args:
        path: the file.
        text: what stands in it, if it was read before; `path` is then only named in messages.
        option: what the file was named for, in messages.
    """
    file = Path(path)
    inputs: Any
    if text is None:
        text = read_input_text(file, option)
    if file.suffix.lower() == ".json":
        with _as_input(option):
            inputs = files.json_of(text.encode(), file)
    else:
        from nika_core.document.reading.inputs_file import load_inputs

        inputs = load_inputs(text, str(file))
    if not isinstance(inputs, dict):
        raise UsageError(f"{option}: {file} has no keys and values", code=codes.BAD_INPUT)
    return inputs


def read_env_file(path: str | Path, *, text: str | None = None) -> dict[str, str]:
    """Return the variables in a file of `KEY=VALUE` lines, as `--env-file` reads them. Raise UsageError.

    Args:
        path: the file.
        text: what stands in it, if it was read before; `path` is then only named in messages.
    """
    from nika_core.model.env_file import env_variables

    return env_variables(read_input_text(Path(path), "--env-file") if text is None else text, str(path))


def read_input_text(path: Path, what: str) -> str:
    """Return a file's text. Raise UsageError that calls it `what`."""
    with _as_input(what):
        return files.read_text(path)


@contextmanager
def _as_input(what: str) -> Iterator[None]:
    """Turn a file that cannot be used into an error of the input that it was named for."""
    try:
        yield
    except files.FileError as error:
        message = f"{what}: {error.message}"
        raise UsageError(message, code=codes.BAD_INPUT, hint=error.hint, place=error.place) from None


def version() -> str:
    """Return which version is installed, for people: of the distribution, and of the kernel in it."""
    import importlib_metadata

    from nika_core.registry.lock import KERNEL
    from nika_core.registry.scan import DISTRIBUTION

    kernel = f"{KERNEL} {importlib_metadata.version(KERNEL)}"
    try:
        return f"nika {importlib_metadata.version(DISTRIBUTION)} ({kernel})"
    except importlib_metadata.PackageNotFoundError:  # only the kernel, and plugins that somebody chose
        return kernel
