"""Random scripts with placeholders: refused, or run by real shells without a value ever becoming code."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from nika_keyword_shell.script import put_together, scanned

from nika_core.model.template import Template
from nika_core.template.compiler import compile_template

SHELLS = [shell for shell in ("dash", "bash") if shutil.which(shell)] or ["sh"]

# Harmless commands only: these scripts are run.
PIECES = [
    "{{x}}",
    "{{x}}",
    *(" ", " ", "\n", "\t", ";", "&&", "||", "|", "& "),
    *("'", "'", '"', '"', "\\", "`", "$", "#", " #", "\\\n"),
    *("$(", ")", "(", ")", "$((", "))", "${v", "${v:-", "${v#", "}", "{ ", "; }"),
    *("printf '<%s>' ", "printf '<%s>' ", ": ", "true ", "echo ", "cat ", "set -- ", "v=", "export v=", "a", "1", "="),
    *("case a in ", "case {{x}} in ", "a) ", "*) ", ";;", " esac", "if ", "then ", "fi", "! "),
    *("for i in ", "; do ", "; done", "f() ", "eval ", "sh -c ", "[ ", " ]", "[[ ", " ]]", "-n ", "a[", "]"),
    *(
        "<<EOF",
        "<<'EOF'",
        "<<-EOF",
        "\nEOF\n",
        "EOF",
        " <<<",
        " >out",
        " 2>&1",
        " >{{x}}",
        "$'",
        '$"',
        "$v",
        '"$v"',
        "$#",
    ),
    *(" >{{x}}", ">&", "<("),
    *("printf '<%s>' \"$(printf %s ", "printf '<%s>' \"", "printf '<%s>' '", '")"', "((", "alias a=", "trap ", "~"),
]
HARMLESS = "AbcA"
CODE = "touch${IFS}pwned"
# No blanks and no globs, so that a script that leaves out quotes itself does the same with both values.
HOSTILE = f"';{CODE};'\";{CODE};\"`{CODE}`$({CODE})\"`{CODE}`'&{CODE}&|{CODE}|}};{CODE};#){CODE})"
HOSTILE_LINES = f"\n{CODE}\nEOF\n{CODE}\n;;esac\n{CODE}\n"
SUBSCRIPT = f"v[$({CODE})]"


# The names of files, formats, process ids, listings of variables and what runs at once may differ for good reasons.
_DIFFERS = re.compile(
    r"[>~]|(?<!&)&(?!&)|%[^s]|\$\$|\$!|printf '(?!<%s>'|%s\|'|%s')|printf [^'%]|export(?! v=[^ ])|set(?! --)"
)


def _run(shell: str, script: str, values: dict[str, str], folder: str) -> tuple[int, bytes]:
    environment = {"PATH": os.environ["PATH"], "HOME": folder, **values}
    ended = subprocess.run(
        [shell, "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=120,
        check=False,
    )
    return ended.returncode, ended.stdout


def check_script(text: str) -> bool:
    """Whether it was accepted."""
    template = compile_template(text)
    if not isinstance(template, Template) or scanned(template).refused:
        return False
    count = len(template.placeholders)
    for shell in SHELLS:
        with tempfile.TemporaryDirectory() as folder:

            def run(value: str, shell: str = shell, folder: str = folder) -> tuple[int, bytes]:
                made = put_together(template, [value] * count)
                note(f"{shell}: {made['script']}")
                result = _run(shell, made["script"], made["values"], folder)
                assert not (Path(folder) / "pwned").exists(), (shell, made["script"], value)
                return result

            harmless = run(HARMLESS)
            hostile = run(HOSTILE)
            run(HOSTILE_LINES)
            run(SUBSCRIPT)
            if not _DIFFERS.search(text):
                expected = harmless[1].replace(HARMLESS.encode(), HOSTILE.encode())
                assert hostile == (harmless[0], expected), (shell, text)
    return True


@settings(
    max_examples=int(os.environ.get("NIKA_TEST_EXAMPLES", "150")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=14).map("".join))
def test_a_random_script_is_refused_or_its_values_stay_data(text: str) -> None:
    try:
        template = compile_template(text)
    except Exception:
        return
    if isinstance(template, Template):
        check_script(text)
