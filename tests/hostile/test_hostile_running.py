"""What goes wrong while a plugin is at work: its task fails in one sentence, all others go on."""

from __future__ import annotations

import json
import re
import time

import pytest

from .conftest import GOOD, Place

RUN = '        return payload["text"]\n'

STEPS = {
    "an exception": ("raise ValueError('no luck')", "unknown", "`bad`.*ValueError: no luck"),
    "sys.exit": ("sys.exit(4)", "unknown", "`bad`.*SystemExit"),
    "an exception of its own kind": ("raise type('E', (BaseException,), {})('x')", "unknown", "`bad`.*E: x"),
    "a generator's end": ("raise GeneratorExit", "unknown", "`bad`.*GeneratorExit"),
    "its own cancellation": ("raise asyncio.CancelledError", "unknown", "cancelled itself"),
    "an object": ("return object()", "unknown", "not JSON.*object"),
    "a set": ("return {1}", "unknown", "not JSON.*set"),
    "a number that is none": ("return float('nan')", "unknown", "nan"),
    "keys that are not texts": ("return {1: 2}", "unknown", "not JSON"),
    "a value that holds itself": ("x = []; x.append(x); return x", "validation", "nested deeper"),
    "a coroutine": ("return asyncio.sleep(0)", "unknown", "not JSON"),
    "usage that is none": ("return StepOutput('x', usage='much')", "unknown", "bad"),
    "messages that are none": ("return StepOutput('x', messages=3)", "unknown", "bad"),
    "a step that never ends": ("await asyncio.sleep(600)", "timeout", "did not end within"),
    "a step that does not stop": (
        "while True:\n            try: await asyncio.sleep(600)\n            except asyncio.CancelledError: pass",
        "timeout",
        "did not",
    ),
    "an argument that is not there": ("return context.no_such_thing", "unknown", "AttributeError"),
}
# Not `async def`, or something else in its place.
SHAPES = {
    "a step that is not a coroutine": ("    async def run", "    def run", "unknown"),
    "a step without run": ("    async def run", "    async def walk", "unknown"),
    "a step that takes too little": ("run(self, payload, context)", "run(self)", "unknown"),
    "a step that cannot be made": ("class Step:\n", "class Step:\n    def __init__(self): 1 / 0\n", ""),
    "a step that is not there": ("class Step:", "class Steps:", ""),
}


@pytest.mark.parametrize("case", STEPS)
def test_a_step_that_misbehaves_fails_and_all_others_go_on(place: Place, case: str) -> None:
    body, category, says = STEPS[case]
    place.install(acme_bad=GOOD.replace(RUN, f"        {body}\n"))
    place.write(
        "uses.nika.yaml",
        "tasks:\n  - {id: a, shell: echo fine}\n  - {id: b, bad: hello, timeout: 500ms, retry: {max: 1}}\n",
    )
    done = place.nika("run", "uses.nika.yaml", "--no-journal", "--format", "json")
    assert done.code == 1, done.err
    assert done.tasks["a"]["output"] == "fine"
    error = done.tasks["b"]["error"]
    assert error["category"] == category
    assert re.search(says, error["message"]), error


@pytest.mark.parametrize("case", SHAPES)
def test_a_step_of_the_wrong_shape_fails_and_all_others_go_on(place: Place, case: str) -> None:
    old, new, category = SHAPES[case]
    place.install(acme_bad=GOOD.replace(old, new))
    done = place.nika("run", "uses.nika.yaml", "--no-journal", "--format", "json")
    if not category:  # it cannot even be made
        assert "acme-bad 6.6" in done.out + done.err
    assert done.code == 1, done.err
    assert done.tasks["a"]["output"] == "fine"
    assert done.tasks["b"]["state"] == "failed"


def test_what_plugins_print_never_gets_into_the_data(place: Place) -> None:
    noise = "print('NOISE'); os.write(1, b'NOISE'); os.system('echo NOISE'); sys.__stdout__.write('NOISE')"
    check = (
        f"    def check(self, payload, report):\n        {noise}\n    def effects(self, payload):\n        {noise}\n"
    )
    check += f"        return ()\n    def mock(self, payload):\n        {noise}\n        return 'mock'\n"
    text = GOOD.replace("NIKA_API = 1", f"NIKA_API = 1\n{noise}").replace(HOOK, f"    {noise}\n{HOOK}")
    place.install(acme_bad=text.replace("    pass\n", check).replace(RUN, f"        {noise}\n{RUN}"))
    for arguments in (
        ("run", "uses.nika.yaml", "--no-journal", "--format", "json"),
        ("run", "uses.nika.yaml", "--no-journal", "--format", "json", "--mock"),
        ("validate", "uses.nika.yaml", "--format", "json"),
        ("plan", "uses.nika.yaml", "--format", "json"),
        ("plugins", "show", "bad", "--format", "json"),
        ("plugins", "check", "bad", "--format", "json"),
        ("schema",),
    ):
        done = place.nika(*arguments)
        assert done.code == 0, (arguments, done.err)
        json.loads(done.out)
        assert "NOISE" not in done.out
    lines = place.nika("run", "uses.nika.yaml", "--no-journal", "--format", "jsonl").out.splitlines()
    assert [json.loads(line)["event"] for line in lines][-1] == "result"


def test_what_libraries_log_and_warn_of_has_no_secret(place: Place) -> None:
    logs = (
        "import logging, warnings; s = os.environ['ACME_TOKEN']; logging.getLogger('x').warning('log %s\\x1b[31m', s)"
    )
    warns = (
        "warnings.warn('warn ' + s); asyncio.get_running_loop().create_future().set_exception(ValueError('lost ' + s))"
    )
    place.install(acme_bad=GOOD.replace(RUN, f"        {logs}\n        {warns}\n{RUN}"))
    done = place.nika("run", "uses.nika.yaml", "--no-journal", ACME_TOKEN="Zq9vLm3XtR7pWc5K")
    assert "log ***\\x1b[31m" in done.err
    assert "warn ***" in done.err
    assert "Zq9vLm" not in done.err


HOOK = "    return [keyword()]"


def test_who_blocks_the_event_loop_is_named(place: Place) -> None:
    place.install(acme_bad=GOOD.replace(RUN, "        time.sleep(3)\n" + RUN))
    done = place.nika("run", "uses.nika.yaml", "--no-journal")
    assert done.code == 0
    assert "`bad` (acme-bad 6.6) has blocked the whole run" in done.err
    assert re.search(r"at acme_bad\.py:\d+", done.err)


def test_a_plugin_whose_steps_are_quick_is_not_blamed_for_a_long_turn_of_the_event_loop(place: Place) -> None:
    place.install(acme_bad=GOOD.replace(RUN, "        time.sleep(0.03)\n" + RUN))
    place.write("many.nika.yaml", "tasks:\n" + "".join(f"  - {{id: a{n}, bad: hello}}\n" for n in range(100)))
    begun = time.monotonic()
    done = place.nika("run", "many.nika.yaml", "--no-journal", "--max-concurrent", "100")
    assert time.monotonic() - begun > 3
    assert done.code == 0, done.err
    assert "blocked" not in done.err


TWO_WORDS = GOOD.replace("[keyword()]", "[keyword(), keyword('other')]")


def install_two_words(place: Place, text: str) -> None:
    """One module with two keywords that share one step and one class of facets."""
    place.install(acme_bad=text, points={"keywords": {"bad": "acme_bad", "other": "acme_bad"}})


@pytest.mark.parametrize("word", ["bad", "other"])
def test_who_blocks_the_event_loop_is_named_by_the_word_of_the_task(place: Place, word: str) -> None:
    install_two_words(place, TWO_WORDS.replace(RUN, "        time.sleep(3)\n" + RUN))
    place.write("one.nika.yaml", f"tasks:\n  - {{id: a, {word}: hello}}\n")
    done = place.nika("run", "one.nika.yaml", "--no-journal")
    assert done.code == 0
    assert re.findall(r"`(\w+)` \(acme-bad 6.6\) has blocked", done.err) == [word] * done.err.count("has blocked")
    assert "has blocked" in done.err


def test_words_that_nothing_tells_apart_are_all_named(place: Place) -> None:
    """A task of the event loop that a step has started itself says nothing of the keyword."""
    text = TWO_WORDS.replace(
        RUN, "        await asyncio.create_task(self.block())\n" + RUN + "    async def block(self): time.sleep(3)\n"
    )
    install_two_words(place, text)
    done = place.nika("run", "uses.nika.yaml", "--no-journal")
    assert "`bad` or `other` (acme-bad 6.6) has blocked the whole run" in done.err


def test_of_distributions_in_one_namespace_the_one_that_blocks_is_named(place: Place) -> None:
    place.install(points={"keywords": {"bad": "acme.bad"}})
    place.install("acme-other", points={"keywords": {"other": "acme.other"}})
    (place.site / "acme").mkdir()
    for word in ("bad", "other"):
        text = GOOD.replace('"bad"', f'"{word}"').replace("acme_bad:", f"acme.{word}:")
        (place.site / "acme" / f"{word}.py").write_text(text.replace(RUN, "        time.sleep(3)\n" + RUN))
    done = place.nika("run", "uses.nika.yaml", "--no-journal")
    assert "`bad` (acme-bad 6.6) has blocked the whole run" in done.err


@pytest.mark.parametrize("word", ["bad", "other"])
def test_a_facet_that_does_not_return_is_named_by_the_word_of_the_task(place: Place, word: str) -> None:
    check = "    def check(self, payload, report):\n        while True: pass\n"
    install_two_words(place, TWO_WORDS.replace("    pass\n", check))
    place.write("one.nika.yaml", f"tasks:\n  - {{id: a, {word}: hello}}\n")
    done = place.nika("validate", "one.nika.yaml", NIKA_VALIDATE_TIMEOUT="2s")
    assert done.code == 2
    assert f"the plugin for '{word}' (acme-bad 6.6) does not return" in done.out + done.err
    assert f"block: [keywords:{word}]" in done.out + done.err


def test_a_huge_output_is_cut(place: Place) -> None:
    place.install(acme_bad=GOOD.replace(RUN, "        return 'x' * 30_000_000\n"))
    done = place.nika("run", "uses.nika.yaml", "--format", "json")
    assert done.code == 0
    assert done.tasks["b"]["truncated"] is True
    assert len(done.out) < 2_500_000


def test_a_plugin_that_ends_the_process_takes_nothing_that_was_done(place: Place) -> None:
    place.install(acme_bad=GOOD.replace(RUN, "        os._exit(7) if not os.path.exists('go') else None\n" + RUN))
    place.write(
        "uses.nika.yaml", 'tasks:\n  - {id: a, shell: "echo once >> done; echo kept"}\n  - {id: b, bad: "{{a}}"}\n'
    )
    assert place.nika("run", "uses.nika.yaml").code == 7
    runs = place.nika("runs", "list", "--format", "json").json["runs"]
    place.write("go", "")
    again = place.nika("resume", runs[0]["runId"], "--format", "json")
    assert again.code == 0, again.err
    assert again.tasks["a"]["reused"] is True
    assert again.tasks["b"]["output"] == "kept"
    assert (place.folder / "done").read_text() == "once\n"


FACETS = {
    "check raises": ("check(self, payload, report)", "1 / 0", ("validate",), 2),
    "check exits": ("check(self, payload, report)", "sys.exit(9)", ("validate",), 2),
    "check reports nonsense": ("check(self, payload, report)", "report(1, 2)", ("validate",), 2),
    "check takes too little": ("check(self)", "pass", ("validate",), 2),
    "check spoils the payload": ("check(self, payload, report)", "payload.fields['text'] = 1", ("validate",), 2),
    "estimate raises": ("estimate(self, payload)", "1 / 0", ("plan",), 2),
    "estimate exits": ("estimate(self, payload)", "sys.exit(9)", ("plan",), 2),
    "estimate gives a text": ("estimate(self, payload)", "return 'much'", ("plan",), 2),
    "effects raises": ("effects(self, payload)", "1 / 0", ("plan",), 2),
    "effects gives nothing": ("effects(self, payload)", "return None", ("plan",), 2),
    "effects gives texts": ("effects(self, payload)", "return ['all']", ("plan",), 2),
    "mock raises": ("mock(self, payload)", "1 / 0", ("run", "--mock", "--no-journal"), 1),
    "mock gives an object": ("mock(self, payload)", "return object()", ("run", "--mock", "--no-journal"), 1),
    "redact raises": ("redact(self, payload)", "1 / 0", ("plan",), 0),
    "redact gives nothing": ("redact(self, payload)", "return None", ("plan",), 0),
}


@pytest.mark.parametrize("case", FACETS)
def test_a_facet_that_misbehaves_is_told_with_the_plugin(place: Place, case: str) -> None:
    head, body, (command, *more), code = FACETS[case]
    place.install(acme_bad=GOOD.replace("    pass\n", f"    def {head}:\n        {body}\n"))
    done = place.nika(command, "uses.nika.yaml", *more)
    assert done.code == code, done.err + done.out
    if code:
        assert re.search(r"\bbad\b", done.out + done.err)
    assert place.nika(command, "innocent.nika.yaml", *more).code == 0


def test_a_schema_that_raises_is_told_as_the_plugins_fault(place: Place) -> None:
    schema = "class V(Str):\n    def validate_scalar(self, chunk): raise RuntimeError('oops')\n"
    place.install(
        acme_bad=GOOD.replace("def keyword(", schema + "def keyword(").replace('"text": Str()', '"text": V()')
    )
    done = place.nika("validate", "uses.nika.yaml")
    assert done.code == 2
    assert "oops" in done.out + done.err


def test_a_hostile_step_cannot_stop_a_run_from_being_interrupted_in_time(place: Place) -> None:
    body = "\n        while True:\n            try: await asyncio.sleep(600)\n            except BaseException: pass\n"
    place.install(acme_bad=GOOD.replace(RUN, f"        {body}"))
    place.write("uses.nika.yaml", "tasks:\n  - {id: b, bad: hello, timeout: 300ms, retry: {max: 1}}\n")
    begun = time.monotonic()
    done = place.nika("run", "uses.nika.yaml", "--no-journal", "--format", "json")
    assert done.code == 1
    assert time.monotonic() - begun < 60


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ("await asyncio.to_thread(time.sleep, 600)", 1, "did not end within"),
        ("import threading; threading.Thread(target=time.sleep, args=(600,)).start(); return 'x'", 0, ""),
        ("import atexit; atexit.register(time.sleep, 600); return 'x'", 0, ""),
    ],
)
def test_what_a_step_leaves_running_does_not_hold_the_process(place: Place, body: str, code: int, says: str) -> None:
    place.install(acme_bad=GOOD.replace(RUN, f"        {body}\n"))
    place.write("uses.nika.yaml", "tasks:\n  - {id: b, bad: hello, timeout: 300ms, retry: {max: 1}}\n")
    done = place.nika("run", "uses.nika.yaml", "--no-journal", "--format", "json")
    assert done.code == code, done.err
    assert says in done.tasks["b"].get("error", {}).get("message", "")
    assert "a plugin has left something running" in done.err
