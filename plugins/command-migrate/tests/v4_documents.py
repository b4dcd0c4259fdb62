"""Random workflows of v4: what they mean, and a text that says it in some random style."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

KEYWORDS = {
    "agent": "prompt",
    "subagent": "prompt",
    "llm": "prompt",
    "shell": "command",
    "http": "url",
    "mcp": "reference",
    "function": "reference",
}
FIELDS = {
    "agent": ["model", "systemPrompt", "skills", "maxTurns"],
    "subagent": ["model", "systemPrompt", "systemPromptFile", "skills", "maxTurns"],
    "llm": ["model"],
    "shell": ["cwd"],
    "http": ["method", "headers", "body"],
    "mcp": ["args"],
    "function": ["args"],
}


@dataclass
class Typed:
    """A JSON value that stands in a tree, and the spellings of v4 for it."""

    value: Any
    spelling: str


@dataclass
class V4Task:
    id: str
    keyword: str
    primary: str
    fields: dict[str, Any] = field(default_factory=dict)
    tools: list[str] | None = None
    retry: dict[str, str] | None = None
    timeout: str | None = None
    on_error: str | None = None
    nulls: list[str] = field(default_factory=list)  # keys that are written with ~


@dataclass
class V4Document:
    tasks: list[V4Task]
    flows: list[dict[str, str]]
    agent: dict[str, Any]
    text: str = ""
    comments: list[str] = field(default_factory=list)


DURATIONS = {
    "30s": 30,
    "500ms": 0.5,
    "2m": 120,
    "1h": 3600,
    "45": 45,
    "500 ms": 0.5,
    "2min": 120,
    "1m30s": 90,
    "1.5s": 1.5,
}
WORDS = [
    "build", "the report", "a: b", "# no comment", "it's", 'say "hi"', "été", "- x", "[1]", "{a}", "$HOME", "${HOME}",
    "${f%.txt}", "%",  "key:", "tab\there", "null", "3.10", "NO", "&x", "*y", "!z", "|", ">", "@", "`", "\\", "\\n",
    ", c",
]  # fmt: skip
BROKEN = ["{{nope}}", "{{ #if x }}", "{{", "${secret.KEY}", "\\${HOME}", "{{a b}}", "{{}}", "${{ github.ref }}"]


def make(seed: int, size: int) -> V4Document:
    """A document with `size` tasks; the same for the same seed."""
    return _Maker(random.Random(seed)).document(size)


class _Maker:
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def document(self, size: int) -> V4Document:
        rng = self.rng
        ids = [f"{rng.choice('abcxyz')}{rng.choice(['', '-', '_'])}{n}" for n in range(size)]
        tasks = [self.task(ids, index) for index in range(size)]
        if not any(_is_v4(task) for task in tasks):
            tasks[0].timeout = "30s"
        flows = []
        for index in range(1, size):
            for source in rng.sample(range(index), rng.randint(0, min(index, 2))):
                flow = {"source": ids[source], "target": ids[index]}
                if rng.random() < 0.3:
                    flow["condition"] = rng.choice(
                        [f"{{{{{ids[source]}.state}}}} == 'open'", f"'x' in {{{{{ids[source]}}}}}"]
                    )
                flows.append(flow)
        agent: dict[str, Any] = {"model": "claude-sonnet-4-5"}
        if rng.random() < 0.7:
            agent["systemPrompt"] = self.text([], 0)
        if rng.random() < 0.3:
            agent["mode"] = rng.choice(["strict", "agentic"])
        document = V4Document(tasks, flows, agent)
        _Writer(document, rng).write()
        return document

    def task(self, ids: list[str], index: int) -> V4Task:
        rng = self.rng
        keyword = rng.choice(list(KEYWORDS))
        known = ids[:index]
        task = V4Task(ids[index], keyword, self.text(known, index) or "x")
        for name in FIELDS[keyword]:
            if rng.random() < 0.45:
                task.fields[name] = self.field(name, known, index)
        if keyword in ("agent", "subagent") and rng.random() < 0.3:
            task.tools = rng.choice([[], ["shell"], ["mcp::a::b", "http"]])
        if rng.random() < 0.4:
            task.timeout = rng.choice(list(DURATIONS))
        if rng.random() < 0.4:
            task.retry = {"max": str(rng.randint(1, 5))}
            if rng.random() < 0.6:
                task.retry["backoff"] = rng.choice(list(DURATIONS))
        if rng.random() < 0.3:
            task.on_error = rng.choice(["fail", "continue"])
        return task

    def field(self, name: str, known: list[str], index: int) -> Any:
        rng = self.rng
        if name == "maxTurns":
            return str(rng.randint(1, 20))
        if name == "skills":
            return [f"skills/{n}.md" for n in range(rng.randint(1, 3))]
        if name == "headers":
            return {f"X-{n}": self.line(known, index) for n in range(rng.randint(1, 3))}
        if name == "args":
            return {f"k{n}": self.tree(known, index, 2) for n in range(rng.randint(1, 3))}
        if name == "body" and rng.random() < 0.5:
            return {f"k{n}": self.tree(known, index, 2) for n in range(rng.randint(1, 3))}
        if name in ("systemPrompt", "body"):
            return self.text(known, index)
        if name == "method":
            return rng.choice(["GET", "POST"])
        return self.line(known, index) or "x"

    def tree(self, known: list[str], index: int, depth: int) -> Any:
        rng = self.rng
        kind = rng.random()
        if depth and kind < 0.15:
            return [self.tree(known, index, depth - 1) for _ in range(rng.randint(1, 3))]
        if depth and kind < 0.3:
            return {f"n{n}": self.tree(known, index, depth - 1) for n in range(rng.randint(1, 2))}
        if kind < 0.7:
            return rng.choice(
                [
                    Typed(3, "3"), Typed(3.1, "3.10"), Typed(True, "true"), Typed(True, "True"), Typed(False, "FALSE"),
                    Typed(None, "~"), Typed(None, "null"), Typed(31, "0x1F"), Typed(-0.5, "-0.5"), Typed(1000.0, "1e3"),
                    Typed(5, "+5"), Typed("NO", "NO"), Typed("yes", "yes"), Typed("007", "007"),
                    Typed("1_000", "1_000"), Typed(None, ""),
                ]
            )  # fmt: skip
        text = self.line(known, index)
        return "x" if text in ("3.10", "") else text  # written plain, that is a number or nothing

    def line(self, known: list[str], index: int) -> str:
        rng = self.rng
        parts = [rng.choice(WORDS) for _ in range(rng.randint(0, 3))]
        if known and rng.random() < 0.3:
            parts.append(f"{{{{{rng.choice(known)}{rng.choice(['', '.name'])}}}}}")
        if rng.random() < 0.15:
            parts.append(rng.choice(["${input.topic}", "${env.HOME}"]))
        if rng.random() < 0.12:
            parts.append(rng.choice(BROKEN))
        rng.shuffle(parts)
        return " ".join(parts).replace("\\ {{", "{{").replace("\\ ${", "${").rstrip()

    def text(self, known: list[str], index: int) -> str:
        rng = self.rng
        lines = [self.line(known, index) for _ in range(rng.choice([1, 1, 1, 2, 4]))]
        if len(lines) > 1 and rng.random() < 0.3:
            lines.insert(rng.randint(1, len(lines) - 1), "")
        if len(lines) > 1 and rng.random() < 0.3:
            lines[-1] = "  " + lines[-1]
        return "\n".join(lines) + rng.choice(["", "", "\n", "\n\n"] if len(lines) > 1 else ["", "", "", "\n"])


def _is_v4(task: V4Task) -> bool:
    return bool(task.timeout or task.retry or task.on_error or "cwd" in task.fields)


class _Writer:
    """Writes a document in a random style, with comments wherever YAML allows one."""

    def __init__(self, document: V4Document, rng: random.Random) -> None:
        self.document, self.rng = document, rng
        self.lines: list[str] = []
        self.kept = -1  # behind this line a blank one would be text
        self.step = rng.choice([2, 2, 2, 4, 3])
        self.density = rng.choice([0, 0.2, 0.5])

    def comment(self, *, always: bool = False) -> str:
        """A comment that is nowhere else; empty most of the time."""
        if not always and self.rng.random() >= self.density:
            return ""
        text = (
            f"# note {len(self.document.comments)} {self.rng.choice(['', 'it: is', '{{x}}', 'a, b'])}".rstrip() + " ."
        )
        self.document.comments.append(text)
        return text

    def behind(self) -> str:
        comment = self.comment()
        return f"{self.rng.choice([' ', '   '])}{comment}" if comment else ""

    def gap(self, column: int) -> None:
        """Blank lines and comments before a line of structure."""
        while self.rng.random() < self.density * 0.6:
            if self.rng.random() < 0.4 and len(self.lines) != self.kept:
                self.lines.append(self.rng.choice(["", "", "  "]))
            else:
                self.lines.append(" " * self.rng.choice([column, column, column, 0]) + self.comment(always=True))

    def write(self) -> None:
        rng = self.rng
        parts = [("agent", self.agent), ("tasks", self.tasks), ("flows", self.flows)]
        if rng.random() < 0.3:
            rng.shuffle(parts)
        if rng.random() < 0.15:
            self.lines.append("---")
        for _, part in parts:
            self.gap(0)
            part()
        self.gap(0)
        text = "\n".join(self.lines)
        if rng.random() < 0.75 or _changes_without_last_break(text):
            text += "\n"
        if rng.random() < 0.2:
            text = text.replace("\n", "\r\n")
        if rng.random() < 0.1:
            text = "\ufeff" + text
        self.document.text = text

    def agent(self) -> None:
        if self.rng.random() < 0.2:
            self.lines.append(f"agent: {self.flow(self.document.agent)}{self.behind()}")
        else:
            self.lines.append(f"agent:{self.behind()}")
            self.mapping(self.document.agent, self.step)

    def flows(self) -> None:
        flows = self.document.flows
        if not flows:
            if self.rng.random() < 0.8:
                self.lines.append(self.rng.choice(["flows: []", "flows: []", "flows: ~"]))
            return
        self.lines.append(f"flows:{self.behind()}")
        column = self.rng.choice([0, self.step])
        for flow in flows:
            self.gap(column)
            if self.rng.random() < 0.4:
                self.lines.append(f"{' ' * column}- {self.flow(flow)}{self.behind()}")
            else:
                self.item(dict(flow), column)

    def tasks(self) -> None:
        self.lines.append(f"tasks:{self.behind()}")
        column = self.rng.choice([0, self.step])
        for task in self.document.tasks:
            self.gap(column)
            flat = self.rng.random() < 0.6
            content = self.content(task, flat)
            if self.rng.random() < 0.2:
                self.lines.append(f"{' ' * column}- {self.flow(content)}{self.behind()}")
            else:
                self.item(content, column)

    def content(self, task: V4Task, flat: bool) -> dict[str, Any]:
        rng = self.rng
        config: dict[str, Any] = {}
        if task.retry:
            config["retry"] = task.retry
        if task.timeout:
            config["timeout"] = task.timeout
        if task.on_error:
            config["onError"] = task.on_error
        if config and rng.random() < 0.2:
            config[rng.choice([name for name in ("retry", "timeout", "onError") if name not in config] or ["x"])] = (
                Typed(None, "~")
            )
            config.pop("x", None)
        fields = dict(task.fields)
        if flat and rng.random() < 0.1:
            absent = [name for name in FIELDS[task.keyword] if name not in fields]
            if absent:
                fields[rng.choice(absent)] = Typed(None, rng.choice(["~", "null"]))
        if flat:
            content: dict[str, Any] = {"id": task.id, task.keyword: task.primary, **fields}
        else:
            payload = {KEYWORDS[task.keyword]: task.primary, **fields}
            if task.tools is not None and rng.random() < 0.5:
                payload["allowedTools"] = task.tools
            if rng.random() < 0.3:
                payload = self.shuffled(payload)
            content = {"id": task.id, task.keyword: payload}
        if task.tools is not None and "allowedTools" not in (content[task.keyword] if not flat else {}):
            content["allowedTools"] = task.tools
        if config:
            content["config"] = self.shuffled(config) if rng.random() < 0.3 else config
        elif rng.random() < 0.05:
            content["config"] = {}
        return self.shuffled(content) if rng.random() < 0.4 else content

    def shuffled(self, mapping: dict[str, Any]) -> dict[str, Any]:
        items = list(mapping.items())
        self.rng.shuffle(items)
        return dict(items)

    # Block style

    def item(self, content: dict[str, Any], column: int) -> None:
        """A mapping as an item of a list, on the dash's line or below it."""
        dash = " " * column + "-"
        if self.rng.random() < 0.1:
            self.lines.append(dash + self.behind())
            self.mapping(content, column + self.rng.choice([1, 2, 4]))
            return
        spaces = self.rng.choice([1, 1, 1, 3])
        start = len(self.lines)
        self.mapping(content, column + 1 + spaces, first_gap=False)
        self.lines[start] = dash + self.lines[start][column + 1 :]

    def mapping(self, content: dict[str, Any], column: int, *, first_gap: bool = True) -> None:
        for index, (key, value) in enumerate(content.items()):
            if index or first_gap:
                self.gap(column)
            self.entry(key, value, column)

    def entry(self, key: str, value: Any, column: int) -> None:
        rng = self.rng
        name = rng.choice([key] * 9 + [f'"{key}"'])
        head = f"{' ' * column}{name}{rng.choice([':'] * 9 + [' :'])}"
        if isinstance(value, dict) and value:
            if rng.random() < 0.35:
                self.lines.append(f"{head} {self.flow(value)}{self.behind()}")
            else:
                self.lines.append(f"{head}{self.behind()}")
                self.mapping(value, column + self.step)
        elif isinstance(value, list) and value:
            if rng.random() < 0.4:
                self.lines.append(f"{head} {self.flow(value)}{self.behind()}")
            else:
                self.lines.append(f"{head}{self.behind()}")
                self.sequence(value, column + rng.choice([0, self.step]))
        elif isinstance(value, dict | list):
            self.lines.append(f"{head} {'{}' if isinstance(value, dict) else '[]'}{self.behind()}")
        else:
            self.scalar(head, value, column)

    def sequence(self, items: list[Any], column: int) -> None:
        for item in items:
            self.gap(column)
            if isinstance(item, dict) and item and self.rng.random() < 0.6:
                self.item(item, column)
            elif isinstance(item, dict | list):
                self.lines.append(f"{' ' * column}- {self.flow(item)}{self.behind()}")
            else:
                self.scalar(" " * column + "-", item, column)

    def scalar(self, head: str, value: Any, column: int) -> None:
        if isinstance(value, Typed):
            self.lines.append(f"{head} {value.spelling}".rstrip() + (self.behind() if value.spelling else ""))
            return
        styles = ["plain", "plain", "single", "double", "literal", "literal", "folded", "below"]
        self.rng.shuffle(styles)
        for style in [*styles, "double"]:
            lines = getattr(self, f"_{style}")(head, value, column)
            if lines is not None and _reads_as("\n".join(lines) + "\n", value, head):
                if style in ("literal", "folded"):
                    if self.rng.random() < 0.3 and self.density:
                        lines[0] += "  " + self.comment(always=True)
                else:
                    lines[-1] += self.behind()
                self.lines += lines
                self.kept = len(self.lines) if "+" in lines[0][len(head) : len(head) + 4] else -1
                return
        raise AssertionError(f"no style for {value!r}")

    def _plain(self, head: str, value: str, column: int) -> list[str] | None:
        return [f"{head} {value}"] if value not in ("", "null") and "\n" not in value else None

    def _below(self, head: str, value: str, column: int) -> list[str] | None:
        words = value.split(" ")
        if "\n" in value or len(words) < 2 or "" in words or "#" in value:
            return None
        cut = self.rng.randint(0, len(words) - 1)
        pad = " " * (column + self.step)
        first = " ".join(words[:cut])
        return [f"{head} {first}".rstrip(), pad + " ".join(words[cut:])]

    def _single(self, head: str, value: str, column: int) -> list[str] | None:
        return [f"{head} '{value.replace(chr(39), chr(39) * 2)}'"] if "\n" not in value else None

    def _double(self, head: str, value: str, column: int) -> list[str] | None:
        return [f"{head} {json.dumps(value, ensure_ascii=self.rng.random() < 0.5)}"]

    def _literal(self, head: str, value: str, column: int) -> list[str] | None:
        return self._block(head, value, column, "|")

    def _folded(self, head: str, value: str, column: int) -> list[str] | None:
        return self._block(head, value, column, ">") if "\n" not in value.rstrip("\n") else None

    def _block(self, head: str, value: str, column: int, sign: str) -> list[str] | None:
        if not value.strip():
            return None
        body = value.rstrip("\n")
        ends = len(value) - len(body)
        chomp = "-" if ends == 0 else "" if ends == 1 else "+"
        width = self.rng.choice([self.step, self.step, 1, 5])
        explicit = str(width) if body.startswith((" ", "\n")) or self.rng.random() < 0.2 else ""
        pad = " " * (column + width)
        header = self.rng.choice([explicit + chomp, chomp + explicit])
        lines = [pad + line if line else self.rng.choice(["", " "]) for line in body.split("\n")]
        return [f"{head} {sign}{header}", *lines, *[""] * max(ends - 1, 0)]

    # Flow style

    def flow(self, value: Any) -> str:
        rng = self.rng
        pad = rng.choice(["", "", " "])
        if isinstance(value, dict):
            items = [f"{rng.choice([key] * 6 + [json.dumps(key)])}: {self.flow(item)}" for key, item in value.items()]
            if rng.random() < 0.25:
                return self.flow_on_lines(items)
            return "{" + pad + ", ".join(items) + rng.choice([""] * 5 + [","] * bool(items)) + pad + "}"
        if isinstance(value, list):
            return "[" + pad + ", ".join(self.flow(item) for item in value) + pad + "]"
        if isinstance(value, Typed):
            return value.spelling or "null"
        for text in rng.sample([value, "'" + value.replace("'", "''") + "'"], 2):
            if "\n" not in value and text != "null" and _reads_as(f"k: [{text}, {{a: {text}, b: c}}]\n", value, None):
                return text
        return json.dumps(value)

    def flow_on_lines(self, items: list[str]) -> str:
        """A mapping in braces over several lines, with comments between its entries."""
        rng, pad = self.rng, " " * self.rng.choice([16, 18])
        text = "{" + self.behind() + "\n" + pad
        for index, item in enumerate(items):
            last = index == len(items) - 1
            comma = rng.choice([",", " ,"]) if not last or rng.random() < 0.3 else ""
            text += item + comma + self.behind() + "\n" + pad
            while rng.random() < self.density * 0.4:
                text += self.comment(always=True) + "\n" + pad
        return text + "}"


def _reads_as(text: str, value: str, head: str | None) -> bool:
    """Whether YAML reads the value from a small document."""
    if head is not None:
        text = re.sub(r"^( *)-?[^\n]*$", "", "") + text
        lead = len(head) - len(head.lstrip(" "))
        text = "".join(f"{' ' * level}p{level}:\n" for level in range(lead)) + text if lead else text
    try:
        found = yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError:
        return False
    while isinstance(found, dict | list):
        if not found:
            return False
        if head is None and isinstance(found, list):
            return found == [value, {"a": value, "b": "c"}]
        found = list(found.values())[-1] if isinstance(found, dict) else found[-1]
    return bool(found == value)


def _changes_without_last_break(text: str) -> bool:
    """Whether a block scalar at the end loses its line break with the file's."""
    return bool(yaml.load(text, Loader=yaml.BaseLoader) != yaml.load(text + "\n", Loader=yaml.BaseLoader))
