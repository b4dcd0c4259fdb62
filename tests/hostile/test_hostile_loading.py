"""What goes wrong when a plugin is loaded: one clear sentence for who uses its word, nothing for all others."""

from __future__ import annotations

import re
import resource
import time

import pytest

from .conftest import GOOD, Place

HOOK = "    return [keyword()]"

LOADING = {
    "an import that fails": ("import no_such_module_of_acme\n" + GOOD, "cannot be imported: ModuleNotFoundError"),
    "an import that raises": (GOOD + "raise RuntimeError('no\\nluck')\n", "cannot be imported: RuntimeError: no luck"),
    "an import that recurses": (GOOD + "def f(): f()\nf()\n", "cannot be imported: RecursionError"),
    "a syntax error": (GOOD + "def broken(:\n", "cannot be imported: SyntaxError"),
    "null bytes": (GOOD + "\x00", "cannot be imported: SyntaxError|cannot be imported: ValueError"),
    "sys.exit in an import": (GOOD + "sys.exit(3)\n", "cannot be imported: SystemExit: 3"),
    "an exception of its own kind": (GOOD + "class E(BaseException): pass\nraise E('x')\n", "cannot be imported: E: x"),
    "an exception in a hook": (GOOD.replace(HOOK, "    raise KeyError('oops')"), "when it is registered: KeyError"),
    "sys.exit in a hook": (GOOD.replace(HOOK, "    sys.exit()"), "when it is registered: SystemExit"),
    "a hook that gives a number": (GOOD.replace(HOOK, "    return 7"), "returned int, not descriptions"),
    "a hook that gives nothing": (GOOD.replace(HOOK, "    return"), "nika_task_keywords of acme_bad returned nothing"),
    "a hook that gives texts": (GOOD.replace(HOOK, "    return ['bad']"), "returns str from nika_task_keywords"),
    "a generator that fails": (
        GOOD.replace(HOOK, "    yield keyword('other')\n    raise ValueError('half way')"),
        "when it is registered: ValueError: half way",
    ),
    "a hook that does not exist": (GOOD.replace("def nika_task_keywords", "def nika_keyword"), "when it is registered"),
    "a hook with arguments": (GOOD.replace("nika_task_keywords()", "nika_task_keywords(a)"), "when it is registered"),
    "another word": (GOOD.replace(HOOK, "    return [keyword('other')]"), "does not describe 'bad'.*returned other"),
    "one word twice": (GOOD.replace(HOOK, "    return [keyword(), keyword()]"), "describes 'bad' 2 times"),
    "another API": (GOOD.replace("NIKA_API = 1", "NIKA_API = 99"), "was written for plugin API 99"),
    "no API": (GOOD.replace("NIKA_API = 1", ""), "does not say which plugin API"),
    "no schema": (GOOD.replace("keyword()]", "keyword(payload=None)]"), "sets `payload` to None"),
    "a schema that is a class": (GOOD.replace("keyword()]", "keyword(payload=Map)]"), "sets `payload` to <class"),
    "a summary that is not text": (GOOD.replace("keyword()]", "keyword(summary=3)]"), "sets `summary` to 3"),
    "names in a text": (GOOD.replace("keyword()]", "keyword(json_fields='text')]"), "sets `json_fields` to 'text'"),
    "a list of numbers": (
        GOOD.replace("keyword()]", "keyword(verbatim_fields=[1])]"),
        r"sets `verbatim_fields` to \[1\]",
    ),
    "a category that is a text": (GOOD.replace("keyword()]", "keyword(category='x')]"), "sets `category` to 'x'"),
    "no time at all": (GOOD.replace("keyword()]", "keyword(default_timeout=0)]"), "sets `default_timeout` to 0"),
    "a step that is a class": (GOOD.replace("keyword()]", "keyword(step=Step)]"), "sets `step` to <class"),
    "a repr that fails": (
        GOOD.replace("keyword()]", "keyword(summary=Odd())]") + "class Odd:\n    def __repr__(self): raise Exception\n",
        "sets `summary` to a Odd",
    ),
    "a code of Nika's": (
        GOOD.replace("keyword()]", "keyword(explanations=(Explanation('NIKA-001', 'a', 'b', 'c', 'd'),))]"),
        "explains NIKA-001",
    ),
    "a code that is none": (
        GOOD.replace("keyword()]", "keyword(explanations=(Explanation('oops', 'a', 'b', 'c', 'd'),))]"),
        "explains 'oops'",
    ),
    "another event loop policy": (
        GOOD + "class P(asyncio.DefaultEventLoopPolicy): pass\nasyncio.set_event_loop_policy(P())\n",
        "patches the event loop.*policy",
    ),
    "another sleep": (GOOD + "asyncio.sleep = None\n", "patches the event loop.*asyncio.sleep"),
    "another run": (GOOD.replace(HOOK, "    asyncio.run = 1\n" + HOOK), r"patches the event loop.*asyncio\.run"),
    "facets that are not there": (GOOD.replace("class F(", "class G("), "names acme_bad:F, which cannot be loaded"),
    "facets that cannot be made": (GOOD.replace("    pass", "    def __init__(self): 1 / 0"), "cannot make acme_bad:F"),
}


@pytest.mark.parametrize("case", LOADING)
def test_who_uses_a_plugin_that_cannot_be_loaded_is_told_in_one_sentence(place: Place, case: str) -> None:
    text, says = LOADING[case]
    place.install(acme_bad=text)

    used = place.nika("run", "uses.nika.yaml", "--no-journal")
    assert used.code == 2
    assert used.out == ""
    told = [line for line in used.err.splitlines() if "acme-bad 6.6" in line]
    assert len(told) == 1, used.err
    assert re.search(says, told[0]), told[0]
    assert "NIKA-07" in used.err
    assert "uses.nika.yaml:3" in used.err
    assert "block: [keywords:bad]" in used.err


def test_who_does_not_use_their_words_is_not_touched_by_any_of_them(place: Place) -> None:
    before = place.nika("run", "innocent.nika.yaml", "--no-journal", "--format", "jsonl")
    begun = processor_time()
    place.nika("run", "innocent.nika.yaml", "--no-journal")
    alone = processor_time() - begun
    install_all(place)
    place.install("acme-slow", points={"keywords": {"slow": "acme_slow"}}, acme_slow="import time; time.sleep(30)")

    begun, cpu_begun = time.monotonic(), processor_time()
    after = place.nika("run", "innocent.nika.yaml", "--no-journal")
    together, cpu_together = time.monotonic() - begun, processor_time() - cpu_begun
    assert (before.code, after.code, after.out) == (0, 0, "fine\n")
    assert "acme" not in after.err
    assert place.imported == []
    assert together < 30, "the slow one was imported"
    assert cpu_together < alone * 3 + 1.0

    listed = place.nika("plugins", "list", "--format", "json")
    assert listed.code == 0
    assert len([each for each in listed.json["plugins"] if each["word"].startswith("bad")]) == len(LOADING)
    assert place.imported == []


def processor_time() -> float:
    """Seconds of the processor that processes have taken which this one started and which have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def install_all(place: Place) -> dict[str, str]:
    """Every one of them at once, each with a word of its own. Gives the words, and what is told of them."""
    found = {}
    for index, (text, says) in enumerate(LOADING.values()):
        module, word = f"acme_bad{index}", f"bad{index}"
        text = text.replace("acme_bad", module).replace('keyword(name="bad"', f'keyword(name="{word}"')
        place.install(f"acme-bad{index}", points={"keywords": {word: module}}, **{module: text})
        found[word] = says.replace("acme_bad", module).replace("'bad'", f"'{word}'")
    return found


def test_check_tells_what_is_wrong_with_each_of_them_in_one_go(place: Place) -> None:
    told = install_all(place)
    checked = place.nika("plugins", "check", "--format", "json")
    assert checked.code == 1
    assert checked.json["problems"] == len(told)
    for word, says in told.items():
        status = place.status(checked, word)
        assert status["status"] == "broken"
        assert re.search(says, status["why"]), status["why"]
        assert f"block: [keywords:{word}]" in status["hint"]
    assert {each["status"] for each in checked.json["plugins"] if each["word"] not in told} == {"available"}


@pytest.mark.parametrize("where", ["import", "check"])
def test_a_plugin_that_does_not_come_back_is_told_and_left(place: Place, where: str) -> None:
    loop = "while True: pass\n"
    check = "    def check(self, payload, report):\n        " + loop
    place.install(acme_bad=GOOD + loop if where == "import" else GOOD.replace("    pass\n", check))
    done = place.nika("validate", "uses.nika.yaml", NIKA_VALIDATE_TIMEOUT="2s")
    assert done.code == 2
    assert "the plugin for 'bad' (acme-bad 6.6)" in done.out + done.err
    assert "does not return" in done.out + done.err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GOOD + "os._exit(5)\n", "ends the whole process"),
        (GOOD + "print('hello')\n", "it prints"),
        (GOOD + "os.write(1, b'hello')\n", "it prints"),
        (GOOD.replace(HOOK, "    print('hello')\n" + HOOK), "it prints"),
        (GOOD + "time.sleep(0.4)\n", r"importing it takes (0\.[4-9]|[1-9])"),
        (
            GOOD + "import threading\nthreading.Thread(target=time.sleep, args=(5,), daemon=True).start()\n",
            "it starts threads",
        ),
    ],
)
def test_check_tells_what_a_plugin_does_when_it_is_loaded(place: Place, text: str, says: str) -> None:
    place.install(acme_bad=text)
    checked = place.nika("plugins", "check", "bad", "--format", "json")
    status = place.status(checked)
    assert re.search(says, status.get("why", "") + " ".join(status.get("notes", ()))), status
    assert [each["word"] for each in checked.json["plugins"]] == ["bad"]
    pretty = place.nika("plugins", "check", "acme-bad")
    assert re.search(says, pretty.out)
    assert "hello" not in pretty.out
    assert re.search(r": (1 problem|no problems)$", pretty.out.rstrip())


def test_check_tells_which_files_were_changed_since_they_were_installed(place: Place) -> None:
    place.install(acme_bad=GOOD)
    record = place.site / "acme_bad-6.6.dist-info" / "RECORD"
    record.write_text("acme_bad.py,sha256=AAAA,3\nacme_bad-6.6.dist-info/RECORD,,\n")
    status = place.status(place.nika("plugins", "check", "keywords:bad", "--format", "json"))
    assert status["status"] == "available"
    assert status["notes"] == ["changed since it was installed: acme_bad.py"]
