"""`nika plugins`: what is installed, allowed, in conflict or broken."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

import nika_core as nika
from nika_core.cli.console import format_table, masked, plain, print_data, print_json, print_message, style, style_data
from nika_core.cli.options import Format, FormatOption
from nika_core.plugin import (
    BackendDescription,
    Command,
    Keyword,
    LimitPolicy,
    NotifierDescription,
    ObserverDescription,
    ProjectTemplate,
    Provider,
    SecretSourceDescription,
    TemplateSource,
)
from nika_core.plugin.fields import field_docs

app = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
    add_completion=False,
    help="What is installed, blocked or broken.",
)


PluginKind = StrEnum("PluginKind", {kind.upper(): kind for kind in nika.PLUGIN_KINDS})  # type: ignore[misc]  # from the table

_DEFAULT_KIND = PluginKind("keyword")
_BAD = {"conflict", "broken"}


def _json(listed: nika.PluginStatus) -> dict[str, Any]:
    record = listed.record
    found: dict[str, Any] = {
        "kind": record.kind.id,
        "word": record.word,
        "distribution": record.distribution,
        "version": record.version,
        "status": listed.status,
    }
    found |= {"seconds": round(listed.seconds, 3)} if listed.seconds is not None else {}
    found |= {"notes": list(listed.notes)} if listed.notes else {}
    return found | ({"why": listed.why} if listed.why else {}) | ({"hint": listed.hint} if listed.hint else {})


def _pretty(listed: Sequence[nika.PluginStatus]) -> None:
    rows = []
    for each in listed:
        record = each.record
        why = f"{each.status}: {each.why}" if each.why else each.status
        rows.append((record.kind.id, record.word, record.distribution, record.version, why))
    print_data(format_table(("KIND", "WORD", "DISTRIBUTION", "VERSION", "STATUS"), rows))


def _unmatched_json() -> list[dict[str, str]]:
    return [asdict(entry) for entry in nika.unmatched_plugins()]


def _unmatched() -> list[str]:
    return [
        f"'{each.entry}' in the {each.list} list of {each.where} matches nothing that is installed"
        for each in nika.unmatched_plugins()
    ]


def _print_note(text: str) -> None:
    """Print a note between the plugins that were checked: what is wrong with plugins is what a check looks for."""
    print_data(f"{style_data('note', 'yellow')}: {plain(masked(text))}")


@app.callback()
def plugins(context: typer.Context, format_: FormatOption = Format.PRETTY) -> None:
    """List every installed plugin, or do what a command below says."""
    if context.invoked_subcommand is None:
        list_(format_)


@app.command("list")
def list_(format_: FormatOption = Format.PRETTY) -> None:
    """List every installed plugin; none is imported."""
    listed = nika.plugins()
    if format_ is Format.JSON:
        print_json({"plugins": [_json(each) for each in listed], "unmatched": _unmatched_json()})
    elif listed:
        _pretty(listed)
    else:
        print_message(f"no plugin is installed; `pip install {nika.DISTRIBUTION}` brings the built-in ones")
    if format_ is not Format.JSON:
        for note in _unmatched():
            print_message(f"{style('note', 'yellow')}: {plain(note)}")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A word, `kind:word`, or a distribution's name.")],
    format_: FormatOption = Format.PRETTY,
) -> None:
    """Show what a plugin brings: by its word, `kind:word` or distribution."""
    workspace = nika.Workspace.open()
    listed = nika.plugins(name, workspace=workspace)
    found = [_json(each) | _described(workspace, each) for each in listed]
    if format_ is Format.JSON:
        print_json({"plugins": found})
        return
    for entry in found:
        print_data(f"{style_data(entry.pop('word'), 'bold')} ({entry.pop('kind')})")
        for key, value in entry.items():
            if isinstance(value, dict):
                print_data(f"  {key}:")
                for field, text in value.items():
                    print_data(f"    {field}: {plain(str(text))}")
            else:
                shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
                print_data(f"  {key}: {plain(shown)}")


def _described(workspace: nika.Workspace, listed: nika.PluginStatus) -> dict[str, Any]:
    if listed.status not in {"available", "shadowed"}:
        return {}
    try:
        description = nika.describe_plugin(listed, workspace=workspace)
    except nika.PluginError as error:
        return {"status": "broken", "why": error.message, "hint": error.hint}
    match description:
        case Keyword():
            payload = "..." if description.short_form_only else f"{{{description.primary}: ...}}"
            return {
                "summary": description.summary,
                "category": description.category.value,
                "form": f"{description.name}: {payload}",
                "primary": description.primary,
                "timeout": description.default_timeout,
                "fields": dict(field_docs(description.payload)),
                "codes": [each.code for each in description.explanations],
            }
        case Provider():
            return {
                "summary": description.summary,
                "models": list(description.models),
                "secrets": list(description.secrets),
            }
        case TemplateSource():
            form = "{{...}}" if description.default_source else f"${{{description.name}.…}}"
            return {"summary": description.summary, "form": form}
        case LimitPolicy() | Command():
            return {"summary": description.summary}
        case NotifierDescription():
            return {
                "summary": description.summary,
                "form": f"{description.name}: ... (in nika.yaml)",
                "timeout": description.timeout,
                "fields": dict(field_docs(description.settings)),
            }
        case BackendDescription():
            return {"summary": description.summary, "form": f"--on {description.example or description.name + '://'}"}
        case ProjectTemplate():
            return {"summary": description.summary, "form": f"nika init --template {description.name}"}
        case ObserverDescription():
            return {
                "summary": description.summary,
                "form": f"{description.name}: ... (in nika.yaml)",
                "timeout": description.timeout,
                "fields": dict(field_docs(description.settings)),
            }
        case SecretSourceDescription():
            settings = {} if description.settings is None else {"fields": dict(field_docs(description.settings))}
            return {
                "summary": description.summary,
                "form": "${secret.name}",
                "timeout": description.timeout,
                **settings,
            }


@app.command()
def check(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Only these: words, `kind:word`, or distributions' names."),
    ] = None,
    format_: FormatOption = Format.PRETTY,
) -> None:
    """Try every plugin that may be loaded, in a process of its own; exit 1 if one is broken or in conflict.

    Also reports plugins that are slow to import, print or start threads when loaded, or were changed since they were
    installed.
    """
    listed = nika.check_plugins(*names or ())
    bad = [each for each in listed if each.status in _BAD]
    if format_ is Format.JSON:
        found: dict[str, Any] = {"plugins": [_json(each) for each in listed], "problems": len(bad)}
        print_json(found if names else found | {"unmatched": _unmatched_json()})
    else:
        _pretty(listed)
        for each in bad:
            print_data(f"{style_data('problem', 'red')}: {plain(masked(each.why))}")
            if each.hint:
                print_data(f"  {plain(masked(each.hint))}")
        for each in listed:
            for note in each.notes:
                _print_note(f"{each.record.id} of {each.record.origin}: {note}")
        if not names:
            for note in _unmatched():
                _print_note(note)
        print_data(_verdict(listed))
    if bad:
        raise typer.Exit(1)


def _verdict(listed: Sequence[nika.PluginStatus]) -> str:
    """Return how many plugins there are in each state, and whether something is wrong."""
    counts = Counter(each.status for each in listed)
    notes = sum(len(each.notes) for each in listed)
    told = ", ".join(f"{count} {status}" for status, count in counts.items()) or "no plugins"
    if notes:
        told += f", {notes} note{'s' * (notes > 1)}"
    bad = sum(counts[status] for status in _BAD)
    return f"{told}: {bad or 'no'} problem{'s' * (bad != 1)}"


@app.command()
def lock(
    check_only: Annotated[bool, typer.Option("--check", help="Write nothing; exit 3 when something differs.")] = False,
    format_: FormatOption = Format.PRETTY,
) -> None:
    """Write nika.lock: every plugin that may be loaded, to the hash of its installed files."""
    path, count = nika.lock_plugins(check=check_only)
    if format_ is Format.JSON:
        print_json({"path": str(path), "distributions": count})
    elif not check_only:
        print_message(f"{plain(str(path))}: {count} distributions")


@app.command()
def new(
    word: Annotated[str, typer.Argument(help="The word that users will write.")],
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where its folder is made.")] = Path(),
    kind: Annotated[PluginKind, typer.Option("--kind", help="The kind of plugin.")] = _DEFAULT_KIND,
    private: Annotated[bool, typer.Option("--private", help="Never to be uploaded to a public index.")] = False,
    author: Annotated[str | None, typer.Option("--author", help="The author: a person or an organisation.")] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="The name of the distribution; derived by default.")
    ] = None,
    format_: FormatOption = Format.PRETTY,
) -> None:
    """Make a plugin's project, which passes its own tests."""
    made = nika.new_plugin(word, folder, kind=kind.value, author=author, private=private, name=name)
    if format_ is Format.JSON:
        print_json({"path": str(made)})
        return
    print_data(plain(str(made)))
    print_message(f"next: cd {shlex.quote(plain(str(made)))}, and see its README.md")


__all__ = ["app"]
