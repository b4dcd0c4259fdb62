"""`${env.NAME}`: what is known before a run, and what a value is in it."""

from __future__ import annotations

import pytest
from nika_template_env.plugin import NIKA_API, nika_template_sources
from nika_template_env.source import EnvironmentSource

from nika_core import codes
from nika_core.errors import TemplateValueError
from nika_core.model.template import MISSING, Placeholder
from nika_core.plugin import Scope, Values


def placeholder(path: str, default: object = MISSING) -> Placeholder:
    return Placeholder("env", tuple(path.split(".")), default, 0, 0, f"${{env.{path}}}")


def problems(found: Placeholder, environ: dict[str, str]) -> list[tuple[str, str, str | None]]:
    reported: list[tuple[str, str, str | None]] = []

    def report(message: str, *, code: str = "", hint: str | None = None) -> None:
        reported.append((code, message, hint))

    EnvironmentSource().check(found, Scope(environ=environ), report)
    return reported


def test_the_plugin_declares_one_source():
    (found,) = nika_template_sources()
    assert (found.name, found.default_source, NIKA_API) == ("env", False, 1)


def test_a_variable_that_is_not_set_and_has_no_default_is_reported():
    assert problems(placeholder("X"), {"X": ""}) == []
    assert problems(placeholder("X", ""), {}) == []
    assert problems(placeholder("X"), {}) == [
        (codes.ENV_NOT_SET, "the environment variable X is not set", 'set it, or write a default: ${env.X ?? ""}')
    ]


def test_values_are_text_and_json_is_read_by_path():
    values = Values(environ={"HOME": "/home/a", "CONFIG": '{"port": 80}'})
    assert EnvironmentSource().resolve(placeholder("HOME"), values) == "/home/a"
    assert EnvironmentSource().resolve(placeholder("CONFIG.port"), values) == 80
    with pytest.raises(TemplateValueError, match="the environment variable X is not set") as caught:
        EnvironmentSource().resolve(placeholder("X"), values)
    assert caught.value.code == codes.ENV_NOT_SET


def test_it_depends_on_no_task():
    assert tuple(EnvironmentSource().depends_on(placeholder("X"))) == ()
