"""Python functions, in real workers."""

from __future__ import annotations

import asyncio
import os
import textwrap
from typing import Any

import pytest
from nika_keyword_function.step import FunctionStep

from nika_core.errors import Category, TaskError
from nika_core.plugin import StepOutput


@pytest.fixture
def call(context: Any) -> Any:
    async def call_(code: str, *, name: str = "f", file: str = "tools/mine.py", **args: Any) -> Any:
        path = context.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(code))
        output = await FunctionStep().run({"reference": f"{file}::{name}", "args": args}, context)
        assert isinstance(output, StepOutput)
        return output.value

    return call_


@pytest.mark.parametrize("value", ["text ä\n", 3, 0.5, True, None, [1, "a"], {"a": {"b": [None]}}])
async def test_what_a_function_returns_is_the_output(call: Any, value: Any) -> None:
    assert await call("def f(x): return x", x=value) == value


async def test_an_async_function_is_awaited(call: Any) -> None:
    assert await call("import asyncio\nasync def f(x):\n    await asyncio.sleep(0)\n    return x", x=1) == 1


async def test_prints_are_shown_and_do_not_disturb_the_result(call: Any, context: Any) -> None:
    code = """
        import os, sys
        def f():
            print("hello")
            os.write(1, b"raw\\n")
            print("oops", file=sys.stderr)
            return 7
    """
    assert await call(code) == 7
    assert sorted("".join(context.chunks).split()) == ["hello", "oops", "raw"]


async def test_a_function_may_close_its_outputs(call: Any) -> None:
    assert await call("import os, sys\ndef f():\n    sys.stdout.close()\n    os.close(2)\n    return 1") == 1


async def test_modules_beside_the_file_and_in_the_workflows_folder_are_found(call: Any, context: Any) -> None:
    (context.folder / "tools").mkdir()
    (context.folder / "tools" / "beside.py").write_text("A = 1")
    (context.folder / "above.py").write_text("B = 2\ndef g(): return B")
    assert await call("import beside, above\ndef f(): return beside.A + above.B") == 3
    output = await FunctionStep().run({"reference": "above::g"}, context)
    assert isinstance(output, StepOutput)
    assert output.value == 2


async def test_a_function_of_an_installed_module_is_called(context: Any) -> None:
    output = await FunctionStep().run({"reference": "os.path::basename", "args": {"p": "a/b"}}, context)
    assert isinstance(output, StepOutput)
    assert output.value == "b"


@pytest.mark.parametrize(
    ("annotation", "given", "got"),
    [
        ("int", "3", 3),
        ("int", 3.0, 3),
        ("str", 3, "3"),
        ("str", 0.5, "0.5"),
        ("str", True, "true"),
        ("float", 3, 3.0),
        ("float", "1e3", 1000.0),
        ("bool", "true", True),
        ("list[int]", ["1", 2], [1, 2]),
        ("list", "[1, 2]", [1, 2]),
        ("dict[str, int]", {"a": "1"}, {"a": 1}),
        ("int | None", None, None),
        ("Optional[int]", "3", 3),
        ("Union[int, str]", "x", "x"),
        ("Union[int, str]", "3", "3"),
        ("Literal[1, 2]", "2", 2),
        ("tuple[int, str]", ["1", "a"], [1, "a"]),
        ("'int'", "3", 3),
        ("Color", "red", "red"),
        ("Point", {"x": "1"}, {"x": 1, "y": 2}),
        ("Path", "a/b", "a/b"),
        ("Annotated[int, 'x']", "3", 3),
        ("NotThere", "3", "3"),
    ],
)
async def test_arguments_fit_the_annotations(call: Any, annotation: str, given: Any, got: Any) -> None:
    code = f"""
        from dataclasses import dataclass
        from enum import Enum
        from pathlib import Path
        from typing import *
        class Color(str, Enum):
            RED = "red"
        @dataclass
        class Point:
            x: int
            y: int = 2
        def f(x: {"'NotThere'" if annotation == "NotThere" else annotation}):
            if {annotation!r} == "Point": assert isinstance(x, Point)
            if {annotation!r} == "Color": assert x is Color.RED
            if {annotation!r} == "Path": assert isinstance(x, Path)
            return x
    """
    result = await call(code, x=given)
    assert result == got
    assert type(result) is type(got)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({"n": "three"}, "'n': an int is expected, not \"three\""),
        ({"n": True}, "'n': an int is expected, not true"),
        ({"n": 1, "m": 2}, "there is no parameter 'm'"),
        ({}, "'n' is missing"),
        ({"n": 1, "s": None}, "'s': a text is expected, not null"),
    ],
)
async def test_arguments_that_do_not_fit_are_told_with_the_signature(call: Any, args: Any, told: str) -> None:
    with pytest.raises(TaskError) as caught:
        await call("def f(n: int, s: str = ''): return n", **args)
    assert told in caught.value.message
    assert "f(n: int, s: str = '')" in caught.value.message
    assert caught.value.category is Category.VALIDATION


@pytest.mark.parametrize(
    ("code", "told", "hint"),
    [
        ("def f():\n    raise ValueError('bad thing')", "raised ValueError: bad thing", "mine.py:2 in f: raise Value"),
        ("import json\ndef f():\n    json.loads('x')", "raised json.decoder.JSONDecodeError", "mine.py:3 in f: json."),
        ("import sys\ndef f(): sys.exit(3)", "ended its process with sys.exit(3)", "returns a value"),
        ("import os\ndef f(): os._exit(3)", "ended its process with exit code 3, without", "returns a value"),
        ("import os\ndef f(): os.kill(os.getpid(), 11)", "killed by SIGSEGV", "returns a value"),
        ("def f(): return {1, 2}", "set is not JSON", "return text"),
        ("def f(): return {'a': object()}", "object is not JSON (the function returned dict)", "return text"),
        ("def f(): return (x for x in 'a')", "generator is not JSON", "return text"),
        ("def f(): return float('nan')", "not JSON compliant", "return text"),
        ("def f():\n    x = []\n    x.append(x)\n    return x", "Circular reference", "return text"),
        ("def f(): return '\\ud800'", "lone surrogate", "return text"),
        ("def f(): return f()", "raised RecursionError", "in f: "),
        ("def f(:", "cannot be loaded: SyntaxError", "mine.py:1"),
        ("import nosuchmodule\ndef f(): pass", "cannot be loaded: ModuleNotFoundError", "mine.py:1"),
        ("def g(): pass", "has no function 'f'", "it has g"),
        ("f = 3", "not a function but int", None),
        ("class E(Exception):\n    def __str__(self): 1/0\ndef f(): raise E", "raised", "in f"),
        ("def f(): raise KeyboardInterrupt", "raised KeyboardInterrupt", "in f"),
    ],
)
async def test_each_way_to_fail_is_told(call: Any, code: str, told: str, hint: str | None) -> None:
    with pytest.raises(TaskError) as caught:
        await call(code)
    assert told in caught.value.message
    assert (hint or "") in (caught.value.hint or "")


async def test_a_file_or_module_that_is_not_there_is_named(context: Any) -> None:
    for reference, told in [
        ("nothere.py::f", "nothere.py does not exist"),
        ("not.there::f", "no module 'not'"),
        ("os.there::f", "no module 'os.there'"),
        ("plain", "has no '::'"),
    ]:
        with pytest.raises(TaskError, match=told):
            await FunctionStep().run({"reference": reference}, context)


async def test_a_function_that_never_returns_is_killed_with_all_it_started(call: Any, context: Any) -> None:
    code = """
        import os, signal, time
        def f():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            if os.fork() == 0:
                os.setsid()
                time.sleep(60)
            print(os.getpid(), flush=True)
            while True: pass
    """
    task = asyncio.ensure_future(call(code))
    while not context.chunks:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(int(context.chunks[0]), 0)


async def test_a_fork_that_comes_back_does_not_answer_twice(call: Any) -> None:
    assert await call("import os\ndef f(): return os.fork() > 0") in {True, False}


async def test_a_thread_that_runs_on_does_not_hold_the_result(call: Any) -> None:
    code = "import threading, time\ndef f():\n    threading.Thread(target=time.sleep, args=(60,)).start()\n    return 1"
    assert await call(code) == 1


async def test_a_result_beyond_the_limit_is_cut_and_counted(make_context: Any) -> None:
    context = make_context(max_output=1000)
    (context.folder / "big.py").write_text("def f(): return 'x' * 1_000_000")
    output = await FunctionStep().run({"reference": "big.py::f"}, context)
    assert isinstance(output, StepOutput)
    assert output.original_bytes == 1_000_000
    assert isinstance(output.value, str)
    assert len(output.value) < 20_000


async def test_the_functions_environment_has_the_tasks_key_and_its_folder(call: Any, context: Any) -> None:
    code = "import os\ndef f(): return [os.environ['NIKA_TASK_KEY'], os.getcwd(), 'NIKA_CHANNEL' in os.environ]"
    assert await call(code) == [context.key, str(context.folder), False]


async def test_an_instance_method_of_a_class_is_reached_by_dots(call: Any) -> None:
    assert await call("class T:\n    @staticmethod\n    def f(x): return x", name="T.f", x=1) == 1


async def test_args_may_be_an_object_as_json_text(context: Any) -> None:
    (context.folder / "mine.py").write_text("def f(a, b=0): return a + b")
    payload = {"reference": "mine.py::f", "args": '{"a": 1, "b": 2}'}
    output = await FunctionStep().run(payload, context)
    assert isinstance(output, StepOutput)
    assert output.value == 3
    with pytest.raises(TaskError, match="args is a text, and arguments are passed by name"):
        await FunctionStep().run({**payload, "args": "{not"}, context)
