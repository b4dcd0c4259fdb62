"""Files that a command writes and that it, or another program, then reads as code."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from nika_keyword_shell.words import EXPANSION, MARK, UNTAINTED, Taint, Word, joined

ANY: Final = "*"  # a file whose name is not known before the command runs
CREATED: Final = "**"  # files whose names what is downloaded or unpacked decides

# What programs read without being told, and run as code.
_READ_BY: Final[Mapping[str, Sequence[str]]] = {
    "just": ("justfile",),
    "task": ("taskfile.yml", "taskfile.yaml"),
    "rake": ("rakefile",),
    "scons": ("sconstruct",),
    "ninja": ("build.ninja",),
    **dict.fromkeys(("npm", "npx", "yarn", "pnpm", "bun", "bunx", "node-gyp"), ("package.json",)),
    **dict.fromkeys(
        ("pip", "pip3", "uv", "pipx", "poetry", "pdm", "hatch", "python3-build"),
        ("setup.py", "setup.cfg", "pyproject.toml"),
    ),
    **dict.fromkeys(("pytest", "py.test"), ("conftest.py", "test_*.py", "*_test.py", "pytest.ini", "pyproject.toml")),
    "tox": ("tox.ini", "pyproject.toml", "setup.py"),
    "nox": ("noxfile.py",),
    "invoke": ("tasks.py",),
    "fab": ("fabfile.py",),
    **dict.fromkeys(
        ("docker", "podman", "nerdctl", "buildah"),
        ("dockerfile", "containerfile", "docker-compose.yml", "compose.yml", "compose.yaml"),
    ),
    **dict.fromkeys(("docker-compose", "podman-compose"), ("docker-compose.yml", "compose.yml", "compose.yaml")),
    "vagrant": ("vagrantfile",),
    **dict.fromkeys(("bundle", "bundler"), ("gemfile",)),
    **dict.fromkeys(("gradle", "gradlew"), ("build.gradle", "build.gradle.kts", "settings.gradle")),
    **dict.fromkeys(("mvn", "mvnw"), ("pom.xml",)),
    "ant": ("build.xml",),
    "sbt": ("build.sbt",),
    "cargo": ("build.rs", "cargo.toml", "main.rs", "lib.rs"),
    "go": ("*.go", "go.mod"),
    "cmake": ("cmakelists.txt",),
    "meson": ("meson.build",),
    **dict.fromkeys(("terraform", "tofu"), ("*.tf",)),
    "packer": ("*.pkr.hcl",),
    "direnv": (".envrc",),
    "tup": ("tupfile",),
    "mix": ("mix.exs",),
    "composer": ("composer.json",),
    "deno": ("deno.json",),
    "earthly": ("earthfile",),
    "skaffold": ("skaffold.yaml",),
    "pre-commit": (".pre-commit-config.yaml",),
    **dict.fromkeys(("make", "gmake", "bmake"), ("makefile", "gnumakefile")),
    "run-parts": ("*",),
}
_OBEYED: Final = re.compile(
    r"(.*/)?(\.git/(hooks/.+|config)|\.gitconfig|\.(bash(rc|_profile|_login|_logout|_aliases)|profile|z(shrc|shenv|profile|login)|"
    r"login|cshrc|tcshrc|kshrc|inputrc|xinitrc|xsession|xprofile|vimrc|gvimrc|exrc|gdbinit|lldbinit|psqlrc|sqliterc|emacs|"
    r"screenrc|tmux\.conf|envrc|irbrc|pryrc|pythonrc|Rprofile|Renviron|octaverc|mailcap|procmailrc|forward)|"
    r"\.ssh/(config|rc|authorized_keys)|authorized_keys|crontab|cron\.(d|hourly|daily|weekly|monthly)/.+|crontabs/.+|"
    r"sudoers(\.d/.+)?|ld\.so\.preload|profile\.d/.+|rc\.local|init\.d/.+|autostart/.+\.desktop|systemd/.+\.(service|timer)|"
    r"(site|user)customize\.py|.+\.pth|conda/activate\.d/.+)",
)
_LOADED: Final = r"(import|from|require|include|load\w*|source|dofile|do|use|read|autoload)\W.*?\b{}\b"
_UNPACK: Final = frozenset(
    {
        "unzip",
        "7z",
        "7za",
        "unrar",
        "unar",
        "cpio",
        "pax",
        "patch",
        "jar",
        "wget",
        "dtrx",
        "gsutil",
        "tar",
        "bsdtar",
        "rustc",
        "javac",
    }
)
_FETCH: Final = {"git": {"clone", "apply", "am"}, "aws": {"s3"}, "gh": {"release", "run", "repo"}, "docker": {"cp"}}


def written_to(files: Mapping[str, Taint], word: Word) -> Taint:
    """Return the values that can be in a file.

    Args:
        files: the values that can be in each file, by its name without its folder; a value in a name
            stands for anything.
        word: the path of a file that is read.
    """
    if not files:
        return UNTAINTED
    name = word.text.rpartition("/")[2]
    if word.dynamic or not name or set(name) & set("*?[") or name in {".", ".."}:
        return joined(files.values())
    return joined(taint for written, taint in files.items() if _matches(name, written))


def named_by(files: Mapping[str, Taint], variable: str, value: str) -> Taint:
    """Return the values that can be in files that the value of a variable names, or in a relative folder of PATH."""
    names = value.split(":") if files else ()
    if variable == "PATH" and any(not name.startswith(("/", "~", EXPANSION, MARK)) for name in names):
        return joined(files.values())
    return joined(written_to(files, Word([re.sub(r"-\w", "", name)])) for name in names if name)


def _matches(name: str, written: str) -> bool:
    if written in {name, CREATED}:
        return True
    return MARK in written and fnmatch.fnmatchcase(name, written.replace("[", "[[]").replace(MARK, "*"))


def read_by(files: Mapping[str, Taint], program: str) -> Iterator[tuple[str, Taint]]:
    """Yield the files that a program reads as code without being told, with the values that can be in them."""
    for pattern in _READ_BY.get(program, ()) if files else ():
        for written, taint in files.items():
            if fnmatch.fnmatchcase(written.lower(), pattern) or _matches(pattern, written):
                yield pattern, taint


def is_obeyed(path: str) -> bool:
    """Return whether programs run what stands in a file, because of its path."""
    return _OBEYED.fullmatch(path) is not None


def loaded_by(files: Mapping[str, Taint], code: str) -> Taint:
    """Return the values that can be in files that the code of an interpreter loads by their names."""
    return joined(
        taint
        for written, taint in files.items()
        if (stem := written.partition(".")[0]).isidentifier() and re.search(_LOADED.format(re.escape(stem)), code)
    )


def creates(program: str, words: Sequence[Word]) -> bool:
    """Return whether a program creates files whose names what it reads decides."""
    first = words[0].text if words else ""
    if program in {"tar", "bsdtar"}:
        options = [word.text for word in words if word.text.startswith("-") or word is words[0]]
        return any("x" in option.lstrip("-") for option in options if not option.startswith("--")) or any(
            word.text in {"--extract", "--get"} for word in words
        )
    if program == "curl":
        return any(re.match(r"-[A-Za-z]*[OJ]|--remote-name", word.text) for word in words)
    if program == "wget":
        return not any(re.match(r"-[A-Za-z]*O|--output-document", word.text) for word in words)
    if program in _FETCH:
        return bool({word.text for word in words[:3]} & _FETCH[program])
    return program in _UNPACK and first not in {"l", "t"}
