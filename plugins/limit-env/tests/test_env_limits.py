"""Every variable of the language page: its default, at, below and above what it may be, and malformed."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nika_limit_env import plugin
from nika_limit_env.policy import VARIABLES, EnvPolicy, Variable

from nika_core import codes
from nika_core.errors import UsageError
from nika_core.model.limits import LimitKind, Limits, Unit
from nika_core.plugin import Admission, Keyword, Stage

POLICY = EnvPolicy()
MB = 1024 * 1024
DEFAULTS = {
    "NIKA_MAX_YAML_SIZE": (LimitKind.YAML_BYTES, 10 * MB),
    "NIKA_MAX_FILES": (LimitKind.FILES, 100),
    "NIKA_MAX_TASKS": (LimitKind.TASKS, 1000),
    "NIKA_MAX_ID_LEN": (LimitKind.ID_LENGTH, 100),
    "NIKA_MAX_FLOWS": (LimitKind.FLOWS, 10000),
    "NIKA_MAX_OUTPUT": (LimitKind.OUTPUT_BYTES, MB),
    "NIKA_MAX_ERROR": (LimitKind.ERROR_BYTES, 1024),
    "NIKA_MAX_DEPTH": (LimitKind.TEMPLATE_DEPTH, 100),
    "NIKA_MAX_JSON": (LimitKind.JSON_DEPTH, 50),
    "NIKA_MAX_RECURSION": (LimitKind.RECURSION, 100),
    "NIKA_VALIDATE_TIMEOUT": (LimitKind.VALIDATE_SECONDS, 5),
    "NIKA_MAX_RETRIES": (LimitKind.ATTEMPTS, 3),
    "NIKA_RETRY_DELAY": (LimitKind.RETRY_DELAY, 1),
    "NIKA_MAX_CONCURRENT": (LimitKind.CONCURRENT, 10),
    "NIKA_MAX_TOKENS_TASK": (LimitKind.TASK_TOKENS, 10000),
    "NIKA_MAX_TOKENS_TOTAL": (LimitKind.RUN_TOKENS, 100000),
    "NIKA_MAX_COST": (LimitKind.RUN_COST, 10.0),
    "NIKA_BREAKER_FAILURES": (LimitKind.BREAKER_FAILURES, 3),
    "NIKA_MAX_ITEMS": (LimitKind.ITEMS, 1000),
    "NIKA_MAX_ROUNDS": (LimitKind.ROUNDS, 100),
    "NIKA_MAX_NODES": (LimitKind.NODES, 100_000),
    "NIKA_MAX_NESTING": (LimitKind.NESTING, 10),
    "NIKA_CLEANUP_TIMEOUT": (LimitKind.CLEANUP_SECONDS, 60),
    "NIKA_BATCH_WAIT": (LimitKind.BATCH_SECONDS, 3600),
    "NIKA_BREAKER_COOLDOWN": (LimitKind.BREAKER_SECONDS, 60),
    "NIKA_BREAKER_SUCCESSES": (LimitKind.BREAKER_SUCCESSES, 2),
}


def keyword(name: str = "acme-post", **more: object) -> Keyword:
    return Keyword(name=name, summary="x", primary="text", payload=None, step="x:Y", **more)  # type: ignore[arg-type]  # fields by name


def read(measure: str, **environ: str) -> float | None:
    return Limits(POLICY.limits(environ)).amounts.get(measure)


def test_the_plugin_offers_one_policy_by_name() -> None:
    (policy,) = plugin.nika_limit_policies()
    assert (policy.name, policy.policy) == ("env", "nika_limit_env.policy:EnvPolicy")


def test_the_defaults_are_those_of_the_language_page_and_of_the_breaker() -> None:
    found = {limit.name: (limit.measure, limit.value, limit.origin) for limit in POLICY.limits({})}
    assert found == {name: (measure, value, "default") for name, (measure, value) in DEFAULTS.items()}


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda v: v.name)
def test_a_variable_that_is_set_says_that_it_came_from_the_environment(variable: Variable) -> None:
    limit = Limits(POLICY.limits({variable.name: "7"})).bounds.get(variable.measure)
    assert limit is not None
    assert (limit.value, limit.origin, limit.name) == (7, "environment", variable.name)


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda v: v.name)
def test_each_variable_is_taken_at_its_lowest_and_highest_and_refused_below_and_above(variable: Variable) -> None:
    allowed = variable.allowed
    low = "0.001" if allowed.above else f"{allowed.lowest:.0f}"
    high = f"{allowed.highest:.0f}"
    assert read(variable.measure, **{variable.name: low}) == float(low)
    assert read(variable.measure, **{variable.name: high}) == float(high)
    outside = [f"{allowed.highest + 2:.0f}", "-1"]
    if allowed.above or allowed.lowest > 0:
        outside.append("0")
    for text in outside:
        with pytest.raises(UsageError) as caught:
            read(variable.measure, **{variable.name: text})
        assert caught.value.code == codes.BAD_LIMIT
        assert caught.value.exit_code == 2
        assert variable.name in caught.value.message
        assert repr(text) in caught.value.message
        assert "expected" in caught.value.message


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda v: v.name)
@pytest.mark.parametrize("text", ["", " ", "many", "1e9", "nan", "inf", "1_000", "٣", "10 apples", "0x10", "1,5", "--"])
def test_a_malformed_value_names_the_variable_the_value_and_the_form(variable: Variable, text: str) -> None:
    with pytest.raises(UsageError, match=variable.name) as caught:
        read(variable.measure, **{variable.name: text})
    assert caught.value.code == codes.BAD_LIMIT
    assert repr(text) in caught.value.message
    assert "unset it" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("512", 512),
        ("1KB", 1024),
        ("1kb", 1024),
        ("10 MB", 10 * MB),
        ("2GB", 2048 * MB),
        ("1.5KB", 1536),
        ("9B", 9),
    ],
)
def test_sizes_take_powers_of_1024_or_bytes(text: str, expected: int) -> None:
    assert read(LimitKind.OUTPUT_BYTES, NIKA_MAX_OUTPUT=text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("250ms", 0.25), ("10s", 10), ("5m", 300), ("1h", 3600), ("7d", 604800), ("30", 30), ("1.5", 1.5), (" 2s ", 2)],
)
def test_durations_take_ms_s_m_h_or_seconds(text: str, expected: float) -> None:
    assert read(LimitKind.VALIDATE_SECONDS, NIKA_VALIDATE_TIMEOUT=text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["10MS", "5M", "1D", "3KB"])
def test_a_unit_that_is_none_of_durations_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="250ms"):
        read(LimitKind.VALIDATE_SECONDS, NIKA_VALIDATE_TIMEOUT=text)


def test_money_has_decimals_and_counts_have_none() -> None:
    assert read(LimitKind.RUN_COST, NIKA_MAX_COST="0.25") == 0.25
    with pytest.raises(UsageError, match="whole number"):
        read(LimitKind.TASKS, NIKA_MAX_TASKS="2.5")


def test_nothing_may_be_spent_where_a_budget_is_zero() -> None:
    found = Limits(POLICY.limits({"NIKA_MAX_COST": "0", "NIKA_MAX_TOKENS_TASK": "0", "NIKA_MAX_TOKENS_TOTAL": "0"}))
    assert [found.amounts.get(m) for m in (LimitKind.RUN_COST, LimitKind.TASK_TOKENS, LimitKind.RUN_TOKENS)] == [
        0,
        0,
        0,
    ]


def test_a_keyword_has_its_own_default_timeout_and_variable() -> None:
    limits = Limits(POLICY.keyword_limits(keyword("shell", default_timeout=30.0, default_max_output=102400), {}))
    timeout, output = limits.bounds.get("timeout.shell"), limits.bounds.get("output.shell")
    assert timeout is not None
    assert output is not None
    assert (timeout.value, timeout.name, timeout.unit, timeout.origin) == (
        30,
        "NIKA_SHELL_TIMEOUT",
        Unit.SECONDS,
        "default",
    )
    assert (output.value, output.name, output.unit) == (102400, "NIKA_MAX_SHELL", Unit.BYTES)


def test_any_keyword_is_bounded_by_its_word() -> None:
    environ = {"NIKA_ACME_POST_TIMEOUT": "2m", "NIKA_MAX_ACME_POST": "4KB"}
    found = {limit.measure: limit for limit in POLICY.keyword_limits(keyword(), environ)}
    assert found["timeout.acme-post"].value == 120
    assert found["output.acme-post"].value == 4096
    assert {limit.origin for limit in found.values()} == {"environment"}


def test_a_keyword_without_a_limit_of_its_own_has_only_its_timeout() -> None:
    (limit,) = POLICY.keyword_limits(keyword(), {})
    assert (limit.measure, limit.value) == ("timeout.acme-post", 60)


@pytest.mark.parametrize("text", ["0", "0s", "-5s", "soon"])
def test_a_malformed_timeout_of_a_keyword_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="NIKA_ACME_POST_TIMEOUT"):
        POLICY.keyword_limits(keyword(), {"NIKA_ACME_POST_TIMEOUT": text})


def test_the_kernels_variable_wins_over_a_keyword_of_the_same_name() -> None:
    environ = {"NIKA_MAX_TASKS": "5", "NIKA_VALIDATE_TIMEOUT": "9s"}
    (timeout,) = POLICY.keyword_limits(keyword("tasks"), environ)
    assert timeout.measure == "timeout.tasks"
    (own,) = POLICY.keyword_limits(keyword("validate"), environ)
    assert (own.value, own.origin, own.name) == (60, "default", "")


def test_the_policy_refuses_nothing_by_itself() -> None:
    assert POLICY.admit(Admission(Stage.RUN, "w")) is None


@given(st.text(max_size=30))
def test_no_text_makes_anything_but_a_value_or_a_clear_error(text: str) -> None:
    for variable in VARIABLES:
        try:
            limit = variable.read({variable.name: text})
        except UsageError as error:
            named = variable.name in error.message
        else:
            named = variable.allowed.lowest <= limit.value <= variable.allowed.highest
        assert named


def test_the_declaring_module_imports_nothing_heavy() -> None:
    code = "import sys, nika_limit_env.plugin; print('nika_limit_env.policy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"
