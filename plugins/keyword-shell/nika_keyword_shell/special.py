"""Programs whose arguments no grammar describes: `find`, `git`, `xargs`, and some that read values twice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from nika_keyword_shell.options import Grammar, grammar, parse
from nika_keyword_shell.programs import lookup
from nika_keyword_shell.record import Redirections
from nika_keyword_shell.words import EXPANSION, MARK, POSITIONAL, UNTAINTED, Finding, Taint, Word, joined

if TYPE_CHECKING:
    from nika_keyword_shell.builtins import Judge
    from nika_keyword_shell.evaluators import Evaluators

# Settings whose values no program runs; of all others nobody can know.
_HARMLESS_SETTINGS: Final = re.compile(
    r"(user|author|committer)\.\w+|(color|advice|log|status|column|branch|tag|push|pull|fetch|gc|pack|rerere)\.[\w.-]+|"
    r"core\.(autocrlf|quotepath|abbrev|filemode|longpaths|eol|safecrlf|bare|compression)|init\.defaultbranch|"
    r"http\..*(extraheader|proxy|sslverify|sslcainfo|useragent|postbuffer|version)|safe\.directory|commit\.gpgsign|"
    r"connecttimeout|connectionattempts|stricthostkeychecking|(user|global)knownhostsfile|port|user|hostname|identityfile|"
    r"identitiesonly|batchmode|loglevel|serveralive\w+|compression|hostkeyalias|\w+authentication\w*|controlpath|controlmaster|"
    r"controlpersist|addressfamily|bindaddress|requesttty|sendenv|setenv|sessiontype|forwardagent|ciphers|macs|"
    r"memory_limit|max_execution_time|display_errors|date\.timezone|error_reporting|acquire::.*|"
    r"on_error_stop|echo|ttyout|bell|dot|sleep",
    re.IGNORECASE,
)
_EXEC: Final = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_OPERATORS: Final = frozenset(
    {"!", "(", ")", ",", "-a", "-and", "-o", "-or", "-not", "-print", "-print0", "-ls", "-delete"}
)
_SED_EXECUTES: Final = re.compile(r"(^|[;\d$}/,{\n!])\s*e(\s|;|\}|$)|[^\\\w\s][gpiIm0-9]*e[gpiIm0-9]*\s*($|[;}\n])")
_REMOTE: Final = (
    "--upload-pack:shell --receive-pack:shell --exec:shell -b:data --branch:data --depth:data -j:data -o:data"
)
_GIT: Final[Mapping[str, tuple[str, str]]] = {
    "clone": ("data*", f"-u:shell -c:setting --config:setting --template:file {_REMOTE}"),
    **dict.fromkeys(("fetch", "pull", "push", "ls-remote", "fetch-pack", "send-pack"), ("data*", _REMOTE)),
    "archive": ("data*", "--exec:shell --remote:data --format:data --prefix:data -o:data --output:data"),
    "grep": ("data*", "-O?:shell --open-files-in-pager?:shell -e:data -f:data -A:data -B:data -C:data -m:data"),
    "rebase": ("data*", "-x:shell --exec:shell --onto:data -s:data -X:data"),
    "difftool": ("data*", "-x:shell --extcmd:shell -t:data --tool:data"),
    "bisect": ("data program", ""),
    "submodule": ("data shell*", "--upload-pack:shell -b:data --name:data --reference:data"),
    "filter-branch": (
        "data*",
        " ".join(
            f"--{kind}-filter:shell"
            for kind in ("setup", "env", "tree", "index", "parent", "msg", "commit", "tag-name", "subdirectory")
        ),
    ),
    "send-email": (
        "data*",
        "--to-cmd:shell --cc-cmd:shell --header-cmd:shell --sendmail-cmd:shell --smtp-server:shell",
    ),
    "daemon": ("data*", "--access-hook:shell"),
    "init": ("data*", "--template:file"),
}
_REMOTES: Final = frozenset({"clone", "fetch", "pull", "push", "ls-remote", "remote"})  # and `submodule`, as `pull`
_GIT_GLOBAL: Final = (
    "-c:setting --config-env:setting --exec-path?:file -C:data --git-dir:data --work-tree:data --namespace:data"
)


def runs_code(setting: str) -> bool:
    """Return whether the value of `name=value` could be run; if the name is not known, it could."""
    return _HARMLESS_SETTINGS.fullmatch(re.split(r"[=\s]", setting.strip(), maxsplit=1)[0]) is None


def _find(judge: Evaluators, name: str, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
    at, led = 0, list[Word]()
    while at < len(words):
        word = words[at]
        at += 1
        if word.text in _EXEC:
            end = at
            while end < len(words) and words[end].text not in {";", "+"}:
                end += 1
            chosen = joined(map(judge.taint, words[:at]))
            found = [_put(one, "{}", chosen, "./") if "{}" in one.text else one for one in words[at:end]]
            yield from judge.judge(found, UNTAINTED, Redirections())
            at = end + 1
        elif word.text.startswith("-") and word.text not in _OPERATORS and len(word.text) > 2:
            if MARK in word.text:
                led.append(word)
            at += not (at < len(words) and words[at].text.startswith("-"))  # its argument
        elif word.led_by_value and judge.taint(word):
            led.append(word)
    if len(led) > 1 or any(word.split for word in led):
        why = "`find` could take several values as `-exec` and a command; write ./ before the name of a folder"
        yield from judge.report(led, why, fatal=False)


def _git(judge: Evaluators, name: str, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
    outer = grammar("program", "program", _GIT_GLOBAL, "")
    read = parse(outer, words)
    for part in read.parts:
        taint = judge.taint(part.word)
        if part.role == "setting" and taint and runs_code(part.word.text):
            yield from judge.report_taint(taint, "some settings of git are commands")
        elif part.role == "setting" and "!" in part.word.text:
            why = "an alias in `git -c` could run it as code"
            yield from judge.report(words, why, fatal=False)
        elif taint and (part.role == "file" or part.led):
            yield from judge.report_taint(taint, "`git` could take it as an option that runs code", fatal=False)
    if read.program is None:
        return
    command, arguments = words[read.program], words[read.program + 1 :]
    if command.led_by_value and not command.split:
        yield from judge.report([command], "its value decides what git does", fatal=False)
        return
    text = command.text
    if text == "config":
        yield from _git_config(judge, arguments)
        return
    if text == "submodule" and not any(word.text == "foreach" for word in arguments):
        text = "pull"
    operands, options = _GIT.get(text, ("data*", ""))
    described = grammar(operands, operands, options, "" if text in {"bisect", "submodule"} else "permutes")
    yield from judge.program(f"git {text}", described, arguments, stdin)
    if text in _REMOTES:
        led = [word for word in arguments if word.led_by_value]
        why = "a repository `ext::COMMAND` is a command, if `protocol.ext.allow` says so; write https:// before it"
        yield from judge.report(led, why, fatal=False)


def _git_config(judge: Evaluators, words: Sequence[Word]) -> Iterator[Finding]:
    operands = [word for word in words if not word.text.startswith("-")]
    if operands and operands[0].text in {"set", "unset", "get", "list", "edit"}:
        operands = operands[1:]
    if operands and runs_code(operands[0].text):
        yield from judge.report(operands[1:], "some settings of git are commands")
        yield from judge.report(operands[:1], "its value decides which setting of git is changed", fatal=False)
    led = [word for word in words if word.led_by_value and word not in operands[:1]]
    if operands and not runs_code(operands[0].text):
        led = []
    yield from judge.report(led, "`git config` could take it as an option", fatal=False)


def _xargs(judge: Evaluators, name: str, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
    described = lookup("xargs")
    assert described is not None
    read = parse(described, words)
    for part in read.parts:
        if part.led:
            yield from judge.report([part.word], "`xargs` could take it as the program to run", fatal=False)
    if read.program is None:
        return
    options = words[: read.program]
    replaced = next((part.word.text for part in read.parts if part.role == "replace"), None)
    if replaced is None and any(re.fullmatch(r"-\w*i|--replace", word.text) for word in options):
        replaced = "{}"
    files = joined(judge.surroundings.files.values())
    stdin = joined([stdin, *(judge.taint(part.word) for part in read.parts if part.word.process)])
    given = joined([stdin, files]) if any(re.match(r"-\w*a|--arg-file", word.text) for word in options) else stdin
    command = list(words[read.program :])
    if replaced:
        command = [_put(word, replaced, given) if replaced in word.text else word for word in command]
    elif given or files:
        command.append(Word([EXPANSION], dynamic=True, split=True, origins=given))
    yield from judge.judge(command, UNTAINTED, Redirections())


def _put(word: Word, replaced: str, given: Taint, before: str = "") -> Word:
    filled = word.cut(0)
    filled.pieces = [word.text.replace(replaced, before + EXPANSION)]
    filled.dynamic = True
    filled.origins = joined([word.origins, given])
    return filled


def _known(name: str) -> Grammar:
    described = lookup(name)
    assert described is not None
    return described


def _sed(judge: Evaluators, name: str, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
    described = _known("sed")
    yield from judge.program(name, described, words, stdin)
    read = parse(described, words)
    if any(part.role == "code" and _SED_EXECUTES.search(part.word.text) for part in read.parts):
        others = [judge.taint(part.word) for part in read.parts if part.role != "code"]
        files = judge.surroundings.files.values()
        why = "the `e` of `sed` runs what it reads as a command"
        yield from judge.report_taint(joined([stdin, *others, *files]), why, fatal=False)


def _perl(judge: Evaluators, name: str, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
    described = _known("perl")
    yield from judge.program(name, described, words, stdin)
    loops = any(re.match(r"-[A-Za-z0-9]*[np]", word.text) for word in words)
    operands = [part.word for part in parse(described, words).parts if part.role == "data"]
    if loops:
        why = "`perl -n` runs the name of a file that ends with `|`; write < before it"
        yield from judge.report([word for word in operands if MARK in word.text or word.dynamic], why, fatal=False)


def _python(judge: Evaluators, name: str, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
    described = _known("python")
    yield from judge.program(name, described, words, stdin)
    read = parse(described, words)
    module = next((part.word.text for part in read.parts if part.role == "module"), "")
    in_module = judge.in_file(Word([f"{module.replace('.', '/')}.py"]))
    yield from judge.report_taint(in_module, f"it can be in the module that `{name}` runs", fatal=False)
    after = next((at for at, word in enumerate(words, 1) if word.text.endswith(module)), 0) if module else 0
    if after and lookup(module) is not None and module != "timeit":
        yield from judge.judge([Word([module]), *words[after:]], stdin, Redirections())
    if module in {"timeit", "IPython", "cProfile", "profile", "trace", "pdb", "runpy"}:
        yield from judge.report(words, f"`{name} -m {module}` takes it as code")
    if module in {"code", "pdb", "asyncio", "IPython", "idlelib", "timeit"}:
        yield from judge.report_taint(stdin, f"`{name} -m {module}` reads it as code from its standard input")


def _make(judge: Evaluators, name: str, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
    yield from judge.program(name, _known("make"), words, stdin)
    for variable, taint in judge.surroundings.variables.items():
        if variable != POSITIONAL and not variable.startswith("BASH") and variable not in {"_", "OPTARG"}:
            why = f"it can be in ${variable}, and `{name}` expands variables of the environment as its own code"
            yield from judge.report_taint(taint, why, fatal=False)


def _su(judge: Evaluators, name: str, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
    """Scan `su`: what follows the user, or `--`, are the arguments of a shell; `runuser -u` runs a command."""
    yield from judge.program(name, _known("su"), words, stdin)
    end = next((index for index, word in enumerate(words) if word.text == "--"), None)
    if end is not None and any(word.text.startswith(("-u", "--user")) for word in words[:end]):
        yield from judge.judge(words[end + 1 :], stdin, Redirections())
    elif end is not None:
        arguments = words[end + 1 :]
        if arguments and not arguments[0].text.startswith("-"):
            arguments = arguments[1:]
        yield from judge.program("sh", _known("sh"), arguments, stdin)


def _busybox(judge: Evaluators, name: str, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
    yield from judge.judge(words, stdin, Redirections())


def _parallel(judge: Evaluators, name: str, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
    """Scan `parallel`: it runs its operands, or its input, with a shell, and quotes what it puts into them."""
    described = _known("parallel")
    operands = [part for part in parse(described, words).parts if part.role == "shell"]
    yield from judge.program(name, described, words, stdin)
    why = f"`{name}` gives it to a shell"
    yield from judge.report_taint(stdin, why, fatal=not operands)
    if not operands:
        given = joined(judge.in_file(one) for one in words)
        yield from judge.report_taint(given, why, fatal=False)


def _tar(judge: Evaluators, name: str, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
    """Scan `tar`: `-T` takes lines that begin with `-` as options."""
    described = _known("tar")
    yield from judge.program(name, described, words, stdin)
    for part in parse(described, words).parts:
        if part.role == "replace":
            taint = joined([judge.in_file(part.word), stdin if part.word.text in {"-", "/dev/stdin"} else UNTAINTED])
            why = "`tar -T` takes a line of the file that begins with `-` as an option, and so as code"
            yield from judge.report_taint(taint, why, fatal=False)


def _cmake(judge: Evaluators, name: str, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
    if words and words[0].text == "-E":
        commands = {"env": 1, "time": 1, "chdir": 2}
        skip = 1 + commands.get(words[1].text if len(words) > 1 else "", len(words))
        rest = [word for word in words[skip:] if "=" not in word.text]
        yield from judge.judge(rest, stdin, Redirections())
        return
    yield from judge.program(name, _known("cmake"), words, stdin)


JUDGES: Final[Mapping[str, Judge]] = {
    **dict.fromkeys(("find", "gfind", "bfs"), _find),
    "git": _git,
    **dict.fromkeys(("xargs", "gxargs"), _xargs),
    **dict.fromkeys(("sed", "gsed", "ssed"), _sed),
    **dict.fromkeys(("perl",), _perl),
    **dict.fromkeys(("python", "python2", "python3"), _python),
    **dict.fromkeys(("make", "gmake", "bmake"), _make),
    **dict.fromkeys(("busybox", "toybox"), _busybox),
    **dict.fromkeys(("su", "runuser"), _su),
    **dict.fromkeys(("parallel", "sem", "rush"), _parallel),
    "cmake": _cmake,
    **dict.fromkeys(("tar", "bsdtar"), _tar),
}
