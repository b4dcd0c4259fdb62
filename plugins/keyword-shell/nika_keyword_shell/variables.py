"""Names of environment variables whose values shells and other programs run or load as code."""

from __future__ import annotations

import re
from typing import Final

_WHY: Final = (
    (
        "a shell expands the value of this variable as code",
        r"ENV|BASH_ENV|BASH_(CMDS|ALIASES)|MAILPATH|PS[0-4]|PROMPT_COMMAND|BASH_FUNC_.*",
    ),
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
        r"EMACSLOADPATH|OPENSSL_(CONF|MODULES|ENGINES)|GUILE_LOAD_.*|GCC_EXEC_PREFIX|COMPILER_PATH|GROFF_COMMAND_PREFIX|"
        r"ANSIBLE_(CONFIG|LIBRARY|VAULT_PASSWORD_FILE|.*PLUGINS)|GTK_(MODULES|PATH)|GIO_EXTRA_MODULES|(QT|GST)_PLUGIN_PATH.*|"
        r"MAGICK_(CONFIGURE|CODER_MODULE|FILTER_MODULE)_PATH|CMAKE_TOOLCHAIN_FILE|PYTEST_PLUGINS|NODE_REPL_EXTERNAL_MODULE|"
        r"ERL_LIBS|MIX_EXS|R_HOME|OCTAVE_PATH|DENO_DIR|COMPOSER_HOME|ELECTRON_RUN_AS_NODE",
    ),
    (
        "programs take options from this variable, and code among them",
        r"PERL5(OPT|DB)|RUBYOPT|NODE_OPTIONS|(_?JAVA_(TOOL_)?|JDK_JAVA_)OPTIONS|JAVA_OPTS|(GNU)?M(AKE)?FLAGS|MAKEOVERRIDES|"
        r"TAR_OPTIONS|ZIPOPT|UNZIP|LESS|MORE|MANOPT|LUA_INIT.*|(G?VIM|EX|NVIM_?)INIT|GREP_OPTIONS|"
        r"ERL_(AFLAGS|FLAGS|ZFLAGS)|ELIXIR_ERL_OPTIONS|DOTNET_STARTUP_HOOKS|CORECLR_.*|COR_.*|MAVEN_OPTS|GRADLE_OPTS|"
        r"MAVEN_ARGS|SBT_OPTS|ANT_(OPTS|ARGS)|GOFLAGS|CGO_.*FLAGS|RUSTFLAGS|RUSTDOCFLAGS|PYTEST_ADDOPTS|RAKEOPT|TF_CLI_ARGS.*|"
        r"TF_CLI_CONFIG_FILE|RIPGREP_CONFIG_PATH|DIRENV_CONFIG|WGETRC|CURL_HOME|LESSKEY.*|PSQLRC|BATPIPE|"
        r"npm_config_(script_shell|node_options|shell)|XARGS|PARALLEL|FZF_DEFAULT_(COMMAND|OPTS)|GDB.*INIT|NPM_CONFIG_(SCRIPT_SHELL|NODE_OPTIONS)",
    ),
    (
        "programs run the value of this variable as a command",
        r"SHELL|EDITOR|VISUAL|FCEDIT|PAGER|MANPAGER|BROWSER|LESSOPEN|LESSCLOSE|LESSEDIT|SUDO_EDITOR|SYSTEMD_(PAGER|EDITOR)|"
        r"GIT_(SSH|SSH_COMMAND|EDITOR|SEQUENCE_EDITOR|PAGER|ASKPASS|EXTERNAL_DIFF|PROXY_COMMAND|DIFFTOOL.*|MERGE_.*)|"
        r"SSH_ASKPASS|SUDO_ASKPASS|RSYNC_(RSH|CONNECT_PROG)|CVS_RSH|SVN_(SSH|EDITOR)|HG(EDITOR|MERGE)|HG|TAPE|RMT|"
        r"PYTHON(BREAKPOINT)|CARGO_.*(LINKER|RUNNER|WRAPPER)|RUSTC(_WRAPPER)?|RUSTDOC|MAN(ROFF|WEB).*|PERLDOC.*|"
        r"PSQL_(PAGER|EDITOR)|PSQL_EDITOR.*|MYSQL_PAGER|KUBE_EDITOR|KUBECTL_EXTERNAL_DIFF|AWS_PAGER|GH_(PAGER|EDITOR|BROWSER)|"
        r"DEBUGGER|XDG_(OPEN|TERMINAL).*|TERMINAL|ALTERNATE_EDITOR|RUBYSHELL|COMSPEC|CCACHE_(PREFIX.*|COMPILER)|"
        r"CMAKE_.*(COMPILER|LAUNCHER|LINKER)|\w+_(PAGER|EDITOR|ASKPASS|RSH|PASSCOMMAND|PASSWORD_COMMAND)|"
        r"CARGO_BUILD_RUSTC|RUSTC_WORKSPACE_WRAPPER",
    ),
)
# A value here does no more than choose among what is installed, or from where it comes.
_DECIDES: Final = (
    (
        "it decides where programs look for packages, or for settings with code in them",
        r"(PIP|UV|BUN_CONFIG|YARN|NPM_CONFIG|npm_config)_(\w*INDEX\w*|registry|REGISTRY|CONFIG_FILE|FIND_LINKS|userconfig|USERCONFIG)|"
        r"GOPROXY|GONOSUMDB|GONOSUMCHECK|CARGO_HOME|GRADLE_USER_HOME|JAVA_HOME|BUNDLE_GEMFILE|KUBECONFIG|AWS_CONFIG_FILE|"
        r"DOCKER_CONFIG|FLASK_APP|DJANGO_SETTINGS_MODULE|NVIM_APPNAME|CMAKE_PREFIX_PATH|BUN_INSTALL",
    ),
    (
        "build tools run the value of this variable, or put it into a command",
        r"CC|CXX|CPP|LD|AR|AS|FC|RANLIB|HOSTCC|(C|CPP|CXX|LD|F)FLAGS|LDLIBS",
    ),
)
_PATTERNS: Final = tuple(
    (why, fatal, re.compile(names)) for group, fatal in ((_WHY, True), (_DECIDES, False)) for why, names in group
)


def why_obeyed(name: str) -> tuple[str, bool] | None:
    """Return what is done with the value of a variable, and whether it can become code and not only choose it."""
    return next(((why, fatal) for why, fatal, names in _PATTERNS if names.fullmatch(name)), None)
