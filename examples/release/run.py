"""Make a small project, then release it: `python examples/release/run.py`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

IDENTITY = ["-c", "user.name=Shop", "-c", "user.email=shop@example.com", "-c", "init.defaultBranch=main"]


def git(repository: Path, *arguments: str) -> None:
    subprocess.run(["git", *IDENTITY, *arguments], cwd=repository, check=True, capture_output=True)


def main() -> int:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("NIKA_")}  # same for all
    with tempfile.TemporaryDirectory() as folder:
        project, target = Path(folder, "project"), Path(folder, "releases")
        project.mkdir()
        target.mkdir()
        git(project, "init")
        (project / "shop.py").write_text("def total(prices):\n    return sum(prices)\n")
        (project / ".gitignore").write_text("__pycache__\n")
        checks = project / "checks"
        checks.mkdir()
        (checks / "compiles.sh").write_text("python3 -m compileall -q .\n")
        (checks / "is-clean.sh").write_text("git diff --quiet\n")
        (checks / "fails.sh").write_text("echo 'a test failed' >&2\nexit 1\n")
        git(project, "add", ".")
        git(project, "commit", "-m", "Add the total of a basket")
        workflow = str(Path(__file__).with_name("release.nika.yaml"))
        inputs = {"project": project, "version": "1.0.0", "target": target}
        given = [part for name, value in inputs.items() for part in ("-i", f"{name}={value}")]
        command = [sys.executable, "-m", "nika_core", "run", workflow, *given, *sys.argv[1:]]
        code = subprocess.run(command, env=environ, check=False).returncode
        print("in the folder of releases:", sorted(path.name for path in target.iterdir()), file=sys.stderr)
        return code


if __name__ == "__main__":
    sys.exit(main())
