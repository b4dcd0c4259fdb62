"""Names of environment variables whose values shells and other programs run or load as code."""

from __future__ import annotations

import re
from typing import Final

_WHY: Final = (
    ("a shell expands the value of this variable as code", r"ENV|BASH_ENV|PS[0-4]|PROMPT_COMMAND|BASH_FUNC_.*"),
    ("it changes how a shell reads a command", r"IFS|SHELLOPTS|BASHOPTS|BASH_LOADABLES_PATH|BASH_COMPAT|INPUTRC"),
    (
        "bash evaluates what is assigned to this variable as an expression",
        r"HISTCMD|OPTIND|S?RANDOM|SECONDS|LINENO|EPOCHSECONDS|BASHPID",
    ),
    (
        "programs, or parts of them, are looked for where this variable says",
        r"PATH|FPATH|ZDOTDIR|LD_.*|DYLD_.*|GCONV_PATH|PYTHON(PATH|HOME|STARTUP|WARNINGS|BREAKPOINT|INSPECT|USERBASE|"
        r"PLATLIBDIR|PYCACHEPREFIX|EXECUTABLE|CASEOK)|PERL5LIB|PERLLIB|RUBYLIB|GEM_(HOME|PATH)|NODE_PATH|LUA_C?PATH.*|"
        r"CLASSPATH|AWK(LIB)?PATH|TCLLIBPATH|TCL_LIBRARY|PHPRC|PHP_INI_SCAN_DIR|JULIA_(LOAD|DEPOT)_PATH|R_LIBS.*|"
        r"R_(PROFILE|ENVIRON).*|MAKEFILES|GIT_(EXEC_PATH|TEMPLATE_DIR|CONFIG.*)|HGRCPATH|VIM(RUNTIME)?|MYVIMRC|"
        r"EMACSLOADPATH|OPENSSL_(CONF|MODULES|ENGINES)|GUILE_LOAD_.*",
    ),
    (
        "programs take options from this variable, and code among them",
        r"PERL5(OPT|DB)|RUBYOPT|NODE_OPTIONS|(_?JAVA_(TOOL_)?|JDK_JAVA_)OPTIONS|JAVA_OPTS|(GNU)?M(AKE)?FLAGS|MAKEOVERRIDES|"
        r"TAR_OPTIONS|ZIPOPT|UNZIP|LESS|MORE|MANOPT|LUA_INIT.*|(G?VIM|EX|NVIM_?)INIT|GREP_OPTIONS|"
        r"ERL_(AFLAGS|FLAGS|ZFLAGS)|ELIXIR_ERL_OPTIONS|DOTNET_STARTUP_HOOKS|CORECLR_.*|COR_.*|MAVEN_OPTS|GRADLE_OPTS|"
        r"npm_config_(script_shell|node_options|shell)|XARGS|PARALLEL|FZF_DEFAULT_(COMMAND|OPTS)|GDB.*INIT|NPM_CONFIG_(SCRIPT_SHELL|NODE_OPTIONS)",
    ),
    (
        "programs run the value of this variable as a command",
        r"SHELL|EDITOR|VISUAL|FCEDIT|PAGER|MANPAGER|BROWSER|LESSOPEN|LESSCLOSE|LESSEDIT|SUDO_EDITOR|SYSTEMD_(PAGER|EDITOR)|"
        r"GIT_(SSH|SSH_COMMAND|EDITOR|SEQUENCE_EDITOR|PAGER|ASKPASS|EXTERNAL_DIFF|PROXY_COMMAND|DIFFTOOL.*|MERGE_.*)|"
        r"SSH_ASKPASS|SUDO_ASKPASS|RSYNC_(RSH|CONNECT_PROG)|CVS_RSH|SVN_(SSH|EDITOR)|HG(EDITOR|MERGE)|HG|TAPE|RMT|"
        r"PYTHON(BREAKPOINT)|CARGO_.*(LINKER|RUNNER|WRAPPER)|RUSTC(_WRAPPER)?|RUSTDOC|MAN(ROFF|WEB).*|PERLDOC.*|"
        r"PSQL_(PAGER|EDITOR)|PSQL_EDITOR.*|MYSQL_PAGER|KUBE_EDITOR|KUBECTL_EXTERNAL_DIFF|AWS_PAGER|GH_(PAGER|EDITOR|BROWSER)|"
        r"DEBUGGER|XDG_(OPEN|TERMINAL).*|TERMINAL",
    ),
)
_PATTERNS: Final = tuple((why, re.compile(names)) for why, names in _WHY)


def why_obeyed(name: str) -> str | None:
    """Return what is done with the value of a variable, if a value in it could become code."""
    return next((why for why, names in _PATTERNS if names.fullmatch(name)), None)
