"""Secrets that a run learns, from its template sources and its steps, are masked everywhere in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import nika_core as nika
from nika_core.plugin import Keyword, TaskError, TemplateSource, fields, hookimpl
from nika_core.testing.fakes import FakeStepContext

PASSWORD = "Zq9vLm3XtR7pWc5K"
PIN = 73519824
VALUES: dict[str, Any] = {
    "text": PASSWORD,
    "login": {"user": "ada", "password": PASSWORD},
    "pin": PIN,
    "pair": f"ada:{PASSWORD}",
    "short": "abcde",
    "flag": "true",
}


class Vault:
    """A template source of secrets."""

    def check(self, placeholder: Any, scope: Any, report: Any) -> None: ...

    def depends_on(self, placeholder: Any) -> tuple[str, ...]:
        return ()

    def resolve(self, placeholder: Any, values: Any) -> Any:
        return VALUES[placeholder.path[0]]


class IssueStep:
    """Learns a token, which the payload has backwards."""

    async def run(self, payload: Any, context: Any) -> Any:
        token = payload["backwards"][::-1]
        masked = context.secret(token)
        context.notice(f"issued {token}")
        context.emit_text(f"the token is {token[:4]}")
        context.emit_text(token[4:])
        if payload["fails"]:
            raise TaskError(f"{token} was refused")
        return {"token": token, "masked": masked}


class WrongStep:
    """Has something masked that is not text."""

    async def run(self, payload: Any, context: Any) -> Any:
        context.secret(17)


class Plugin:
    __name__ = "acme"
    NIKA_API = 1

    def __init__(self, secret: bool = True) -> None:
        self.secret = secret

    @hookimpl
    def nika_template_sources(self) -> Any:
        return [TemplateSource(name="vault", summary="Secrets.", source=f"{__name__}:Vault", secret=self.secret)]

    @hookimpl
    def nika_task_keywords(self) -> Any:
        payload = fields.Map(
            {
                "backwards": fields.field(fields.Str(), "It."),
                "fails": fields.field(fields.Bool(), "Or not.", default=False),
            }
        )
        step = f"{__name__}:IssueStep"
        yield Keyword(name="issue", summary="Issues.", primary="backwards", payload=payload, step=step)
        wrong = fields.Map({"x": fields.Str()})
        yield Keyword(name="wrong", summary="Wrong.", primary="x", payload=wrong, step=f"{__name__}:WrongStep")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(folder: Path, *tasks: dict[str, Any], secret: bool = True) -> tuple[Any, str]:
    """Run tasks, and return the result and all that was shown and kept."""
    (folder / "w.nika.yaml").write_text(json.dumps({"tasks": list(tasks)}))
    seen: list[Any] = []
    result = nika.run("w.nika.yaml", plugins=[Plugin(secret)], on_event=seen.append)
    kept = "".join(path.read_bytes().decode("latin-1") for path in (folder / ".nika").rglob("*") if path.is_file())
    chunks = "".join(event.data["text"] for event in seen if event.kind == "task.chunk")
    return result, f"{result}{[event.data for event in seen]}{chunks}{kept}"


@pytest.mark.parametrize(
    ("placeholder", "hidden"),
    [
        ("${vault.text}", PASSWORD),
        ("${vault.login}", PASSWORD),
        ("${vault.pin}", str(PIN)),
        ("${vault.pair | last(16)}", PASSWORD),
        ("${vault.text ?? 'x' | first(8)}", PASSWORD[:8]),
    ],
)
def test_the_values_of_a_secret_source_are_masked_in_runs_and_plans(
    folder: Path, placeholder: str, hidden: str
) -> None:
    result, everything = run(folder, {"id": "a", "shell": {"argv": ["printf", "%s", f"<{placeholder}>"]}})
    assert result.succeeded
    assert "***" in result.output
    assert hidden not in everything
    assert hidden not in str(nika.plan("w.nika.yaml", plugins=[Plugin()]))


def test_a_task_is_given_the_value_itself(folder: Path) -> None:
    command = f'test "$PW" = "$(echo {PASSWORD[::-1]} | rev)" && echo equal'
    task = {"id": "a", "shell": {"command": command, "env": {"PW": "${vault.text}"}}}
    assert run(folder, task)[0].output == "equal"


def test_a_constant_that_depends_on_a_secret_is_none(folder: Path) -> None:
    task = {"id": "a", "shell": {"argv": ["echo", "${vault.flag | then('configured', 'missing')}"]}}
    assert run(folder, task)[0].output == "configured"


def test_an_error_about_a_secret_does_not_show_it(folder: Path) -> None:
    task = {"id": "a", "shell": {"argv": ["echo", "${vault.text | then('configured', 'missing')}"]}}
    with pytest.raises(nika.ProblemsError) as caught:
        run(folder, task)
    assert "'***' is neither true nor false" in str(caught.value)
    assert PASSWORD not in str(nika.validate("w.nika.yaml", plugins=[Plugin()]))
    with pytest.raises(nika.ProblemsError) as caught:
        nika.plan("w.nika.yaml", plugins=[Plugin()])
    assert PASSWORD not in str(caught.value)


def test_the_values_of_another_source_are_not_masked(folder: Path) -> None:
    result, _ = run(folder, {"id": "a", "shell": {"argv": ["echo", "${vault.text}"]}}, secret=False)
    assert result.output == PASSWORD


def test_a_value_that_a_step_calls_a_secret_is_masked_from_then_on(folder: Path) -> None:
    issue = {"id": "a", "issue": PASSWORD[::-1]}
    result, everything = run(folder, issue, {"id": "b", "shell": {"argv": ["echo", "{{a.token}}"]}})
    assert result.task("a").output == {"token": "***", "masked": True}
    assert result.task("b").output == "***"
    assert PASSWORD not in everything


def test_it_is_masked_in_the_error_of_the_step(folder: Path) -> None:
    result, everything = run(folder, {"id": "a", "issue": {"backwards": PASSWORD[::-1], "fails": True}})
    assert result.task("a").error.message == "*** was refused"
    assert PASSWORD not in everything


def test_a_step_is_told_that_a_short_value_is_not_masked(folder: Path) -> None:
    assert run(folder, {"id": "a", "issue": "abcde"})[0].output == {"token": "edcba", "masked": False}


def test_a_secret_that_is_no_text_is_a_fault_of_the_plugin(folder: Path) -> None:
    error = run(folder, {"id": "a", "wrong": "x"})[0].task("a").error
    assert error.message == "keyword `wrong` calls a value of type int a secret"


def test_the_fake_context_masks_as_a_run_does() -> None:
    context = FakeStepContext()
    assert context.secret(PASSWORD)
    assert not context.secret("abcde")
    assert context.mask(f"{PASSWORD} abcde") == "*** abcde"
