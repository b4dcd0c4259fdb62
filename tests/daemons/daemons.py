"""Ways in which a process leaves the one that started it.

`@D` starts the process that stays (`/bin/sleep TOKEN.NUMBER`, after it has made the file `ready/NUMBER`), `@T` stands
for these words, and `@R` makes the file.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from typing import Final

from .plugins import PLUGIN_DAEMONS


def _python(code: str, words: str = "@D") -> str:
    return f"{sys.executable} -I -c '{textwrap.dedent(code).strip()}' {words}"


DAEMONS: Final[dict[str, str]] = {
    "in the background": "@D &",
    "in the background without the pipes": "@D </dev/null >/dev/null 2>&1 &",
    "with all pipes closed": "@D <&- >&- 2>&- &",
    "nohup": "nohup @D >/dev/null 2>&1 &",
    "disowned": "bash -c '@D & disown'",
    "a subshell in the background": "(@D &)",
    "a subshell of a subshell": "( ( @D & ) & )",
    "orphaned three times over": """sh -c 'sh -c "sh -c \\"@D &\\" &" &'""",
    "a session of its own": "setsid @D &",
    "a session of its own that keeps the pipes": "setsid -f @D",
    "a session and a clean environment": "env -i setsid -f @D >/dev/null 2>&1 </dev/null",
    "a session within a session": """env -i /bin/sh -c 'setsid /bin/sh -c "setsid @D & wait" >/dev/null 2>&1 &'""",
    "with a parent that waits for it": "env -i setsid -f /bin/sh -c '@D & wait' >/dev/null 2>&1",
    "forked twice": _python("""
        import os, sys
        if os.fork(): os._exit(0)
        os.setsid()
        if os.fork(): os._exit(0)
        os.closerange(0, 99); os.umask(0); os.chdir("/")
        os.execve(sys.argv[1], sys.argv[1:], {})
    """),
    "daemon(3)": _python("""
        import ctypes, os, sys
        ctypes.CDLL(None).daemon(0, 0)
        os.execve(sys.argv[1], sys.argv[1:], {})
    """),
    "posix_spawn": _python("""
        import os, sys
        os.posix_spawn(sys.argv[1], sys.argv[1:], {}, setsid=True)
    """),
    "vfork": _python("""
        import subprocess, sys
        subprocess.Popen(sys.argv[1:], env={}, start_new_session=True, stdin=-3, stdout=-3, stderr=-3)
    """),
    "ignoring TERM": "trap '' TERM; env -i setsid -f @D >/dev/null 2>&1",
    "ignoring HUP": "trap '' HUP; env -i setsid -f @D >/dev/null 2>&1",
    "ignoring what can be ignored": "trap '' 1 2 3 10 12 13 14 15; env -i setsid -f @D >/dev/null 2>&1",
    "stopping itself": "env -i setsid -f /bin/sh -c 'kill -STOP $$; : @T' >/dev/null 2>&1; @R",
    "under another name": "bash -c 'exec -a \"[kworker/0:1]\" env -i setsid -f @D >/dev/null 2>&1'",
    "in a deleted folder": 'mkdir gone; cd gone; rmdir ../gone; env -i setsid -f @D >/dev/null 2>&1; cd "$OLDPWD/.."',
    "starting another when it is ended": "env -i setsid -f sh -c 'trap \"setsid @D & exit\" TERM; @D & wait' >&- 2>&-",
    "looping when it is ended": "env -i setsid -f sh -c 'trap \"while :; do @D; done\" TERM; @D & wait; wait' >&- 2>&-",
    "with a child that has ended": _python("""
        import os, sys
        if os.fork(): os._exit(0)
        os.setsid()
        if not os.fork(): os._exit(0)
        os.closerange(0, 99)
        os.execve(sys.argv[1], sys.argv[1:], {})
    """),
    "one generation after the other": _python("""
        import os, sys
        if os.fork(): os._exit(0)
        os.closerange(0, 99); os.environ.clear()
        for _ in range(300):
            if os.fork(): os._exit(0)
            os.setsid()
        os.execve(sys.argv[1], sys.argv[1:], {})
    """),
    "a storm": _python("""
        import os, signal, sys, time
        if os.fork(): os._exit(0)
        os.setsid(); os.closerange(0, 99)
        signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        if not os.fork(): os.execve(sys.argv[1], sys.argv[1:], {})
        for _ in range(3000):
            if not os.fork():
                os.setsid(); time.sleep(0.1); os._exit(0)
            time.sleep(0.004)
    """),
    "a group of its own": "bash -c 'set -m; @D & disown'",
    "a coprocess": "bash -c 'coproc @D; disown'",
    "of xargs": "(echo 1; echo 2) | xargs -P 2 -I% env -i setsid -f @D >/dev/null 2>&1",
    "at the end of a pipe": "true | env -i setsid -f @D >/dev/null 2>&1",
    "on a terminal of its own": "setsid -f script -qfc '@D' /dev/null </dev/null >/dev/null 2>&1",
    "of a terminal multiplexer": "env -i TERM=vt100 SHELL=/bin/sh tmux -S ./tmux -f /dev/null new-session -d '@D'",
    "another user": _python(
        """
        import os, sys
        if os.fork(): os._exit(0)
        os.setsid(); os.closerange(0, 99)
        os.setgroups([]); os.setgid(65534); os.setuid(65534)
        os.execve("/bin/sleep", ["/bin/sleep", sys.argv[1]], {})
        """,
        "@T; @R",
    ),
    "a namespace of its own": "env -i setsid -f unshare -pf @D >/dev/null 2>&1",
    "without the tag": "bash -c 'ulimit -S -x 1000; exec env -i setsid -f @D >/dev/null 2>&1'",
    "of a function": "function",
    "of an MCP server": "mcp",
    "the MCP server itself": "mcp",
    **dict.fromkeys(PLUGIN_DAEMONS, "plugin"),
}
# While other tasks run, nobody can tell whose it is: it ends with the run. A server is there until then anyway.
END_WITH_THE_RUN: Final = {"without the tag", "of an MCP server", "the MCP server itself", *PLUGIN_DAEMONS}
# Once Nika is killed, nothing is left to find them by.
STAY_IF_NIKA_IS_KILLED: Final = {"of a plugin, without the tag"}
_NEEDS: Final = {"of a terminal multiplexer": "tmux", "on a terminal of its own": "script", "of a function": "python3"}
_NEEDS_ROOT: Final = {"another user", "a namespace of its own"}


def possible_daemons() -> list[str]:
    """Return the names of those that this machine can start."""
    missing = {name for name, program in _NEEDS.items() if shutil.which(program) is None}
    missing |= {name for name, command in DAEMONS.items() if "bash -c" in command and shutil.which("bash") is None}
    return [name for name in DAEMONS if name not in missing and (os.geteuid() == 0 or name not in _NEEDS_ROOT)]


def number_of(name: str) -> str:
    """Return the number of a daemon, three digits."""
    return f"{list(DAEMONS).index(name):03}"


def command_of(name: str, token: str, program: str) -> str:
    """Return the command that starts a daemon."""
    number = number_of(name)
    text = DAEMONS[name].replace("@D", f"{program} {token}.{number}")
    return text.replace("@T", f"{token}.{number}").replace("@R", f": > $READY/{number}")
