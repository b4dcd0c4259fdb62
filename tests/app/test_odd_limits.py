"""Odd values of each limit, in the environment and in the project file: an exact meaning, or an error with a place."""

from __future__ import annotations

from pathlib import Path

import pytest
from nika_limit_env.policy import EnvPolicy

from nika_core.app.project_limits import project_limits
from nika_core.cli.limits_command import value_text
from nika_core.document.reading.project_file import load_project
from nika_core.errors import NikaError, ProblemsError
from nika_core.model.limits import Limit, Unit
from nika_core.testing import run_workflow

POLICY = EnvPolicy()
LARGE = 2**53
COUNTS = {Unit.COUNT, Unit.TOKENS}
# A value and what it means for each unit; a unit that is not there does not take it.
ODD: dict[str, dict[Unit, float]] = {
    "": {},
    " ": {},
    "\t": {},
    "10": dict.fromkeys(Unit, 10),
    " 10 ": dict.fromkeys(Unit, 10),
    "010": dict.fromkeys(Unit, 10),
    "10\n": dict.fromkeys(Unit, 10),
    "+10": {},
    "-1": {},
    "-0": {},
    "--1": {},
    "10 10": {},
    "$10": {Unit.USD: 10},
    "$ 10": {},
    "10$": {},
    "€10": {},
    "10 USD": {},
    "10k": {},
    "10K": {},
    "10kb": {Unit.BYTES: 10240},
    "10 KB": {Unit.BYTES: 10240},
    "10KiB": {},
    "10TB": {},
    "10 bytes": {Unit.BYTES: 10},
    "1.5KB": {Unit.BYTES: 1536},
    "10s": {Unit.SECONDS: 10},
    "10 s": {Unit.SECONDS: 10},
    "10S": {},
    "10m": {Unit.SECONDS: 600},
    "10 minutes": {},
    "1h30m": {},
    "250ms": {Unit.SECONDS: 0.25},
    "1e3": {},
    "1E3": {},
    "0x10": {},
    "0b1": {},
    "1_000": {},
    "1,000": {},
    "1.000,5": {},
    "10.0": {Unit.USD: 10, Unit.SECONDS: 10, Unit.BYTES: 10},
    "2.5": {Unit.USD: 2.5, Unit.SECONDS: 2.5},
    ".5": {},
    "5.": {},
    "１０": {},
    "١٠": {},
    "²": {},
    "Ⅻ": {},
    "10\u200b": {},
    "10\x00": {},
    "inf": {},
    "-inf": {},
    "Infinity": {},
    "nan": {},
    "NaN": {},
    "none": {},
    "null": {},
    "unlimited": {},
    "true": {},
    "false": {},
    "yes": {},
    "[10]": {},
    "{a: 1}": {},
    "10;20": {},
    "10%": {},
    "9007199254740992": dict.fromkeys(Unit, LARGE),
    "9007199254740993": {},
    "9" * 19: {},
    "9" * 400: {},
    "9999999999GB": {},
    "9" * 20 + "d": {},
    "<script>": {},
    "${env.X}": {},
    "{{x}}": {},
    "x" * 5000: {},
}

NARROW = {"NIKA_MAX_NESTING", "NIKA_MAX_JSON", "NIKA_MAX_RECURSION"}
SOME = ("NIKA_MAX_COST", "NIKA_MAX_OUTPUT", "NIKA_MAX_TASKS", "NIKA_RETRY_DELAY")  # one of each unit


def of(limits: list[Limit], name: str) -> Limit:
    return next(limit for limit in limits if limit.name == name)


def default_limits() -> list[Limit]:
    return list(POLICY.limits({}))


def key_of(name: str) -> str:
    first, *others = name.removeprefix("NIKA_").lower().split("_")
    return first + "".join(map(str.capitalize, others))


def quoted(text: str) -> str:
    """A YAML scalar in double quotes."""
    return '"' + "".join(f"\\u{ord(c):04x}" if ord(c) < 32 or c in '"\\' else c for c in text) + '"'


def in_environment(limit: Limit, text: str) -> float | str:
    try:
        found = of(list(POLICY.limits({limit.name: text})), limit.name)
    except NikaError as error:
        return error.message
    assert found.origin == "environment"
    again = of(list(POLICY.limits({limit.name: value_text(found)})), limit.name)
    assert again.value == found.value, f"{text!r} is shown as {value_text(found)}, which means {again.value}"
    return found.value


def in_project_file(limit: Limit, written: str, folder: Path) -> float | str:
    (folder / "nika.yaml").write_text(f"\nlimits: {{{key_of(limit.name)}: {written}}}\n")
    try:
        project = load_project(folder)
        found = of(project_limits(POLICY.limits, {}, project, lambda key: True), limit.name)
    except ProblemsError as error:
        [problem] = error.problems
        assert problem.place is not None
        assert problem.place.line == 2
        return problem.message
    assert found.origin == "nika.yaml:2"
    return found.value


@pytest.mark.parametrize("text", ODD, ids=lambda text: repr(text)[:20])
def test_a_value_means_the_same_wherever_it_is_set_or_is_an_error_that_says_where(text: str) -> None:
    wrong = []
    for limit in default_limits():
        expected = ODD[text].get(limit.unit)
        found = in_environment(limit, text)
        if isinstance(found, str):
            assert limit.name in found
            assert "expected" in found
            assert len(found) < 400
            assert not [c for c in found if ord(c) < 32]
        if limit.name in NARROW and expected is not None:  # it may be too large for this one
            assert found == expected or "at most" in str(found)
        elif (None if isinstance(found, str) else found) != expected:
            wrong.append(f"{limit.name}={text!r} means {found}, not {expected}")
    assert wrong == []


def test_the_project_file_takes_what_the_environment_takes(tmp_path: Path) -> None:
    for limit in [of(default_limits(), name) for name in SOME]:
        for text in ODD:
            if "\x00" in text:
                continue
            found, told = in_project_file(limit, quoted(text), tmp_path), in_environment(limit, text)
            if isinstance(told, float):
                assert found == told, (limit.name, text)
            else:
                assert isinstance(found, str), (limit.name, text)
                assert key_of(limit.name) in found or "expected" in found


@pytest.mark.parametrize("written", ["[1]", "{a: 1}", "~", "!!int 5", "&a 5", "|\n  5", "", "[]", "{}"])
def test_what_is_no_text_in_the_project_file_is_an_error_at_its_place(written: str, tmp_path: Path) -> None:
    found = in_project_file(of(default_limits(), "NIKA_MAX_TASKS"), written, tmp_path)
    assert isinstance(found, str)


def test_a_run_takes_the_largest_value_of_every_limit() -> None:
    largest = {limit.name: "9007199254740992" for limit in default_limits() if limit.name not in NARROW}
    ran = run_workflow("tasks: [{id: a, shell: echo hi}]", environ={**largest, "NIKA_SHELL_TIMEOUT": str(LARGE)})
    assert ran.output == "hi"
