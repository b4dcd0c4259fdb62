"""Node functions, where Node is installed."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import pytest
from nika_keyword_function.step import FunctionStep

from nika_core.errors import TaskError
from nika_core.plugin import StepOutput

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")


@pytest.fixture
def call(context: Any) -> Any:
    async def call_(code: str, *, name: str = "f", file: str = "mine.mjs", **args: Any) -> Any:
        (context.folder / file).write_text(code)
        output = await FunctionStep().run({"reference": f"{file}::{name}", "args": args}, context)
        assert isinstance(output, StepOutput)
        return output.value

    return call_


async def test_args_come_as_one_object_and_the_result_is_json(call: Any) -> None:
    assert await call("export function f({ a, b }) { return { sum: a + b, text: 'ä' } }", a=1, b=2) == {
        "sum": 3,
        "text": "ä",
    }
    assert await call("export async function f() { return 'text' }") == "text"
    assert await call("export const f = () => {}") is None


async def test_common_js_works_too(call: Any) -> None:
    assert await call("module.exports = { f: ({ x }) => x * 2 }", file="mine.js", x=4) == 8


async def test_what_is_logged_is_shown(call: Any, context: Any) -> None:
    assert await call("export function f() { console.log('hello'); return 1 }") == 1
    assert context.chunks == ["hello\n"]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("export function f() { throw new TypeError('bad') }", "raised TypeError: bad"),
        ("export async function f() { throw 'text' }", "raised String: text"),
        (
            "export function f() { setTimeout(() => { throw new Error('late') }, 1); return new Promise(() => {}) }",
            "late",
        ),
        ("export function f() { process.exit(3) }", "exit code 3, without a result"),
        ("export function f() { return new Promise(() => {}) }", "exit code 13, without a result"),
        ("export function f() { return 10n }", "BigInt"),
        ("export function f() { return () => 1 }", "a function, which is not JSON"),
        ("export function f() { const a = {}; a.a = a; return a }", "circular"),
        ("export function g() {}", "exports no function 'f'"),
        ("export function f( {", "cannot be loaded: SyntaxError"),
        ("import './nothere.mjs'", "cannot be loaded: Error: Cannot find module"),
        ("export function f() { process.kill(process.pid, 'SIGKILL') }", "killed by SIGKILL"),
    ],
)
async def test_each_way_to_fail_is_told(call: Any, code: str, told: str) -> None:
    with pytest.raises(TaskError) as caught:
        await call(code)
    assert told in caught.value.message


async def test_type_script_runs_or_the_needed_version_is_named(call: Any) -> None:
    code = "export function f({ a }: { a: number }): number { return a + 1 }"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=120, check=True).stdout
    if tuple(map(int, version.strip().removeprefix("v").split(".")[:2])) >= (22, 6):
        assert await call(code, file="mine.ts", a=1) == 2
    else:
        with pytest.raises(TaskError, match=r"needs Node 22\.6 or newer, and this is Node"):
            await call(code, file="mine.ts", a=1)


async def test_without_node_the_error_says_so(make_context: Any) -> None:
    context = make_context(environ={"PATH": "/nowhere"})
    (context.folder / "mine.mjs").write_text("")
    with pytest.raises(TaskError, match="needs Node, which is not installed"):
        await FunctionStep().run({"reference": "mine.mjs::f"}, context)
