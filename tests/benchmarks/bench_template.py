"""What templates cost: `python tests/benchmarks/bench_template.py [--json]`. Ratios, all measured side by side.

1,000 distinct templates of 200 characters with four placeholders each. Cold: nothing is known of any of them, so the
time is for compiling and rendering, against one `re.sub` with a combined pattern. Warm: they have been compiled
before, against a hand-written split and `"".join`. Jinja2, where it is installed, does the same. Exits 1 when a
ratio is above its bound.
"""

from __future__ import annotations

import json
import random
import re
import string
import sys
import time
from collections.abc import Callable

from nika_core.model.template import Template
from nika_core.template import compile_template, compiler, render

COUNT, LENGTH, ROUNDS = 1_000, 200, 25
BOUNDS = {"cold / re.sub": 2.0, "warm / split and join": 2.0}

# What a careful author would write by hand: both forms, escapes, paths, defaults, white space.
COMBINED = re.compile(
    r"\\(\{\{|\$\{)"
    r"|\{\{\s*([A-Za-z0-9_-]+(?:\.[\w-]+)*)\s*(?:\?\?\s*(.*?))?\}\}"
    r"|\$\{\s*([A-Za-z_][\w-]*(?:\.[\w-]+)+)\s*(?:\?\?\s*(.*?))?\}"
)


def templates(tasks: int) -> tuple[list[str], dict[str, str]]:
    """The texts, with placeholders for this many tasks, and a value for every placeholder in them."""
    chance = random.Random(7)
    texts, values = [], {}
    for number in range(COUNT):
        names = [f"task-{number % tasks}.items.{place}" for place in range(4)]
        values.update(dict.fromkeys(names, "a value"))
        room = LENGTH - sum(len(name) + 4 for name in names)
        words = ["".join(chance.choices(string.ascii_lowercase + "  ,.", k=room // 5 + 1)) for _ in range(5)]
        text = words[0] + "".join(f"{{{{{name}}}}}{word}" for name, word in zip(names, words[1:], strict=True))
        texts.append(text[:LENGTH])
    return texts, values


def measure(tasks: int) -> dict[str, float]:
    """Microseconds a template."""
    texts, values = templates(tasks)
    by_path = {tuple(name.split(".")): value for name, value in values.items()}

    def substituted() -> list[str]:
        return [COMBINED.sub(lambda m: m[1] or values[m[2] or m[4]], text) for text in texts]

    def split_and_joined() -> list[str]:
        found = []
        for text in texts:
            pieces = text.split("{{")
            made = [pieces[0]]
            for piece in pieces[1:]:
                name, rest = piece.split("}}", 1)
                made += (values[name], rest)
            found.append("".join(made))
        return found

    def cold() -> list[str]:
        compiler._cache.clear()
        compiler._parsed.clear()
        return warm()

    def warm() -> list[str]:
        found = []
        for text in texts:
            template = compile_template(text)
            assert isinstance(template, Template)
            found.append(render(template, [by_path[placeholder.path] for placeholder in template.placeholders]))
        return found

    contestants: dict[str, Callable[[], list[str]]] = {
        "re.sub": substituted,
        "cold": cold,
        "split and join": split_and_joined,
        "warm": warm,
    }
    best = dict.fromkeys(contestants, float("inf"))
    for _ in range(ROUNDS):
        for name, contestant in contestants.items():
            start = time.perf_counter()
            made = contestant()
            best[name] = min(best[name], (time.perf_counter() - start) / COUNT * 1e6)
            assert made == substituted()
    return best


def jinja(texts: list[str]) -> dict[str, float]:
    """The same for Jinja2; nothing where it is not installed. One value more or less makes no difference to it."""
    try:
        from jinja2 import Environment
    except ImportError:
        return {}
    environment = Environment(cache_size=0, autoescape=False)
    texts = [text.replace("task-", "task").replace(".items.", "_") for text in texts]
    values = dict.fromkeys((f"task{number}_{place}" for number in range(50) for place in range(4)), "a value")
    found = {}
    for _ in range(2):
        start = time.perf_counter()
        compiled = [environment.from_string(text) for text in texts]
        for template in compiled:
            template.render(values)
        cold = time.perf_counter()
        for template in compiled:
            template.render(values)
        warm = time.perf_counter()
        found = {
            "jinja2, cold": min(found.get("jinja2, cold", cold - start), cold - start),
            "jinja2, warm": min(found.get("jinja2, warm", warm - cold), warm - cold),
        }
    return {name: seconds / COUNT * 1e6 for name, seconds in found.items()}


def main() -> int:
    """Print microseconds a template, and the ratios."""
    best = measure(tasks=50)  # names come again, as they do in a workflow
    best["cold, no name twice"] = measure(tasks=COUNT)["cold"]
    best |= jinja(templates(tasks=50)[0])
    ratios = {f"{one} / {other}": best[one] / best[other] for one, other in (line.split(" / ") for line in BOUNDS)}
    if "--json" in sys.argv:
        print(json.dumps({"microseconds": best, "ratios": ratios, "bounds": BOUNDS}))
    else:
        for name, microseconds in best.items():
            print(f"{name:<24}{microseconds:>8.2f} us a template")
        for name, ratio in ratios.items():
            print(f"{name:<24}{ratio:>8.2f}    (at most {BOUNDS[name]:g})")
    return int(any(ratio > BOUNDS[name] for name, ratio in ratios.items()))


if __name__ == "__main__":
    sys.exit(main())
