"""The README's examples, run as a user would."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from nika_keyword_shell.script import put_together

from nika_core.template.compiler import compile_template

README = Path(__file__).parent.parent.joinpath("README.md").read_text(encoding="utf-8")


def test_the_example_runs(tmp_path: Path) -> None:
    found = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert found is not None
    (tmp_path / "count.nika.yaml").write_text(found[1], encoding="utf-8")
    done = subprocess.run(
        [Path(sys.executable).with_name("nika"), "run", "count.nika.yaml", "--format", "json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    result = json.loads(done.stdout)
    assert result["status"] == "succeeded", done
    outputs = {task["id"]: task["output"] for task in result["tasks"]}
    word = "it's $(not) code"
    assert outputs["write"] == f"{word}\nagain {word}\nand {word}"
    assert outputs["program"] == {"exitCode": 0, "stdout": f"3 lines, {word}", "stderr": ""}


def test_the_table_of_scripts_is_true() -> None:
    rows = re.findall(r"^\| `(.*\{\{x\}\}.*)` \| `(.*NIKA_V0.*)` \|$", README, re.MULTILINE)
    assert len(rows) == 4
    for command, script in rows:
        assert put_together(compile_template(command), ["v"])["script"] == script
