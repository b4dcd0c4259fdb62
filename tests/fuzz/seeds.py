"""What the fuzzers begin with: for each kind of file, texts in which much of what it may say stands."""

# ruff: noqa: E501  # files as they are
from __future__ import annotations

from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[2]
_DOCUMENTS: Final = _ROOT / "tests" / "document"

WORKFLOW: Final = b"""\
name: w
inputs:
  n: {type: int, default: 3, min: 0, max: 9}
  s: {type: string, default: x, enum: [x, y]}
  j: {type: json, default: {a: [1, 2]}}
  b: {type: bool, default: true}
  f: {type: float, default: 1.5}
agent: {model: mock, provider: mock, systemPrompt: s, maxBudgetUsd: 1}
mcpServers: {files: {command: uvx, args: [x], env: {A: b}}, far: {url: https://example.com/mcp}}
workflows:
  part: {inputs: {t: {type: string}}, tasks: [{id: p, set: "${input.t}"}], outputs: {t: "{{p}}"}}
tasks:
  - {id: a, set: {list: [1, 2, {c: "${input.s}"}], n: "${input.n}"}}
  - {id: b, shell: "echo {{a.n}} | sort", workingDir: ., timeout: 5s, retry: {max: 2, backoff: 1s}}
  - {id: c, http: {url: "https://example.com/${input.s}", json: {x: "{{a.list | length}}"}}, onError: {value: 1}}
  - {id: d, function: "t.py::double", args: {x: 1}}
  - {id: e, mcp: files::read, args: {path: a}}
  - {id: f, forEach: "{{a.list}}", llm: "say ${each.item} ${each.number}", output: {format: json, schema: {type: object}}}
  - {id: g, workflow: {use: part, with: {t: "{{b}}"}}}
  - {id: h, set: "${last.output ?? 0}", repeat: {until: "{{h}} >= 1", max: 3}}
  - {id: i, ask: {message: "go {{b}}?", form: {t: {type: string, enum: [p, q]}}}}
  - {id: j, subagent: {prompt: "x {{f | json}}"}, allowedTools: ["function::t.py::*", shell]}
  - {id: k, fail: "no", when: "{{a.n}} == 3 && !${input.b} || '{{b}}' in ['x']"}
  - {id: l, shell: {argv: [echo, "{{i.t ?? 'none'}}"], capture: json}, always: true}
flows:
  - {source: a, target: b, condition: "{{a.n}} > 1"}
outputs: {x: "{{g.t}}", y: "{{k ?? 1}}"}
"""
DOCUMENTS: Final = (
    WORKFLOW,
    *(path.read_bytes() for each in ("valid", "invalid") for path in sorted((_DOCUMENTS / each).glob("*.nika.yaml"))),
    *(path.read_bytes() for path in sorted((_ROOT / "examples").glob("*/*.nika.yaml"))),
)
PROJECTS: Final = (
    b"""\
main: w.nika.yaml
provider: mock
model: mock
models: {small: mock, large: mock}
limits: {maxConcurrent: 20, maxTokensTask: 50000, shellTimeout: 5s, maxOutput: 2MB}
plugins: {allow: ['nika-*'], block: ['keywords:fail'], prefer: {keywords:shell: nika-keyword-shell}}
http: {allow: ['127.0.0.1:8000', 10.0.0.0/8]}
prices: {acme: {inputPerMillion: 1.0, outputPerMillion: 4.0}, other: {free: true}}
secrets: [ACME_TOKEN]
governor: false
notify: {command: [echo, hi]}
""",
    b"main: w.nika.yaml\n",
    b"",
)
POLICIES: Final = (
    b"lock: required\nplugins: {allow: ['nika-*', 'keywords:*'], block: ['keywords:fail']}\n"
    b"limitPolicies: [env]\nwiden: [prices, 'http.*']\n",
    b"widen: []\n",
    b"plugins: {block: []}\n",
)
LOCKS: Final = (
    b'{"version": 1, "plugins": [{"group": "nika.keywords", "word": "shell", "distribution": "nika-keyword-shell", '
    b'"version": "5.0.0", "hash": "sha256:00"}]}',
    b"{}",
    b"[]",
)
SERVERS: Final = (
    b'{"mcpServers": {"files": {"command": "uvx", "args": ["x", "${env.HOME}"], "env": {"A": "b"}, "cwd": "."}, '
    b'"far": {"url": "https://example.com/mcp", "headers": {"Authorization": "Bearer ${env.TOKEN}"}}}}',
    b'{"mcpServers": {}}',
    b'{"servers": {"files": {"type": "stdio", "command": "x"}}}',
)
INPUTS: Final = (
    b'{"n": 3, "s": "x", "j": {"a": [1, 2.5, null, true]}, "b": false, "f": 1.5}',
    b"n: 3\ns: y\nj: {a: [1, 2]}\nb: no\nf: 2\n",
    b"n: 3\ns: |\n  x\nb: true\n",
)
VALUES: Final = (
    b"n=3",
    b"s=x",
    b'j={"a": [1, 2.5, null, true, "\\u00e9"]}',
    b"b=true",
    b"f=1.5e3",
    b"j=@in.json",
    b"=",
    b"x",
)
FUNCTIONS: Final = (
    b'''\
"""Doc."""
from __future__ import annotations
from typing import Literal, Optional

LIMIT: int = 3


def double(x: int, *, y: "list[dict[str, int | None]]" = [1], z: Literal["a", "b"] = "a") -> int:
    """Return it twice.

    Args:
        x: a number.
        y: more.
    """
    return x * 2


async def later(x: Optional[float] = None, /, *rest: str, **more: object) -> "x":
    def inner(): yield lambda: 1
    return f"{x!r:>{LIMIT}}"


class Not:
    def double(self): ...
''',
    b"if True:\n    def double(x): return x\nelse:\n    from a import double\n",
    b"def double(x=1, *, y: tuple[int, ...] | set[str] = (), **k): pass\n",
)  # fmt: skip
ANSWERS: Final = (
    b"i: {t: p}\n",
    b'{"i": {"t": "q"}, "i[*]": true, "part/i@2": {"t": "p"}}',
    b"i: no\n'*': {t: p}\n",
)
