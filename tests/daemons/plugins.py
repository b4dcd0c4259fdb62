"""Ways in which a third party's plugin starts a process without the toolbox.

Each is the body of an asynchronous function in Nika's own process. `argv` starts the process that stays, `stay` is
called in a fork that starts no program, and `main` is what a process of `multiprocessing` calls.
"""

from __future__ import annotations

import textwrap
from typing import Final

PLUGIN_DAEMONS: Final[dict[str, str]] = {
    "of a plugin with subprocess": "subprocess.Popen(argv)",
    "of a plugin with subprocess, in a session and a clean environment": """
        subprocess.Popen(argv, env={}, start_new_session=True, stdin=-3, stdout=-3, stderr=-3)
    """,
    "of a plugin, ignoring TERM": """
        subprocess.Popen(["/bin/sh", "-c", "trap '' TERM; exec \\"$@\\"", "sh", *argv], env={}, start_new_session=True)
    """,
    "of a plugin with posix_spawn": "os.posix_spawn(argv[0], argv, {}, setsid=True)",
    "of a plugin, forked twice": """
        if not os.fork():
            os.setsid()
            if not os.fork():
                os.closerange(0, 99)
                os.execve(argv[0], argv, {})
            os._exit(0)
    """,
    "of a plugin with fork alone": "os.fork() or stay()",
    "of a plugin with a pseudo-terminal": """
        import pty
        pty.fork()[0] or os.execve(argv[0], argv, {})
    """,
    "of a plugin with a shell in the background": 'os.system("exec env -i setsid -f " + " ".join(argv) + " >&- 2>&-")',
    "of a plugin with popen": 'os.popen("exec " + " ".join(argv))',
    "of a plugin with asyncio": "await asyncio.create_subprocess_exec(*argv, env={}, start_new_session=True)",
    "of a plugin with asyncio and a shell": 'await asyncio.create_subprocess_shell(" ".join(argv) + " &")',
    "of a plugin with multiprocessing, forked": """
        multiprocessing.get_context("fork").Process(target=plugin.main, args=(argv,), daemon=True).start()
    """,
    "of a plugin with multiprocessing, spawned": """
        multiprocessing.get_context("spawn").Process(target=plugin.main, args=(argv,), daemon=True).start()
    """,
    "of a plugin with multiprocessing and a fork server": """
        multiprocessing.get_context("forkserver").Process(target=plugin.main, args=(argv,), daemon=True).start()
    """,
    "of a plugin with a pool": """
        import concurrent.futures
        context = multiprocessing.get_context("spawn")
        plugin.pool = concurrent.futures.ProcessPoolExecutor(1, context)
        plugin.pool.submit(plugin.main, argv)
    """,
    "of a plugin's thread": """
        threading.Thread(target=subprocess.Popen, args=(argv,), kwargs={"env": {}, "start_new_session": True}).start()
    """,
    "of a plugin with fork of the C library": """
        ctypes.CDLL(None).fork() or stay()
    """,
    "of a plugin with vfork of the C library": """
        libc = ctypes.CDLL(None)
        words = (ctypes.c_char_p * (len(argv) + 1))(*map(os.fsencode, argv), None)
        libc.posix_spawn(ctypes.byref(ctypes.c_int()), words[0], None, None, words, (ctypes.c_char_p * 1)(None))
    """,
    "of a plugin that starts one after the other": """
        if not os.fork():
            os.closerange(0, 99)
            for _ in range(100):
                if os.fork(): os._exit(0)
                os.setsid()
            os.execve(argv[0], argv, {})
    """,
    "of a plugin, one that kept its first thread for a short time only": """
        if not os.fork():
            os.closerange(0, 99)
            threading.Thread(target=stay).start()
            ctypes.CDLL(None).pthread_exit(None)
    """,
    "of a plugin's template source": "source",
    "of a Nika that a plugin has started": """
        subprocess.Popen([sys.executable, "-m", "nika_core", "run", "inner.nika.yaml", "--no-journal"])
    """,
    "of a plugin, without the tag": """
        subprocess.Popen(["bash", "-c", "ulimit -S -x 1000; exec \\"$@\\"", "bash", *argv], start_new_session=True)
    """,
}

PLUGIN: Final = """
import asyncio, ctypes, multiprocessing, os, subprocess, sys, threading, time
from strictyaml import Map, Str
from nika_core.plugin import Keyword, TemplateSource, hookimpl

NIKA_API = 1
plugin = sys.modules[__name__]


@hookimpl
def nika_task_keywords():
    payload = Map({"way": Str(), "program": Str(), "words": Str()})
    return [Keyword(name="start", summary="Starts.", primary="way", payload=payload, step="starting:Start")]


def main(argv):
    subprocess.Popen(argv, env={}, start_new_session=True)
    time.sleep(600)


@hookimpl
def nika_template_sources():
    return [TemplateSource(name="starting", summary="Starts.", source="starting:Source", known_before_run=False)]


class Source:
    started = None

    def check(self, placeholder, scope, report):
        pass

    def depends_on(self, placeholder):
        return ()

    def resolve(self, placeholder, values):
        argv = [values.environ["STAY"], values.environ["TOKEN"] + "." + placeholder.path[0][1:]]
        Source.started = Source.started or subprocess.Popen(argv, env={}, start_new_session=True)
        return "started"


class Start:
    async def run(self, payload, context):
        argv = [payload["program"], payload["words"]]
        folder, number = os.path.dirname(argv[0]), argv[1].rpartition(".")[2]

        def stay():
            os.setsid()
            with open(f"{folder}/pids/{number}", "w") as file:
                print(os.getpid(), file=file)
            open(f"{folder}/ready/{number}", "w").close()
            while True:
                time.sleep(600)

        await WAYS[payload["way"]](argv, stay)
        return {}


"""


def plugin_text() -> str:
    """Return the module of the plugin."""
    ways = ["WAYS = {}\n"]
    for name, code in PLUGIN_DAEMONS.items():
        if code == "source":
            continue
        body = textwrap.indent(textwrap.dedent(code).strip(), "    ")
        ways.append(f"async def way(argv, stay):\n{body}\nWAYS[{name!r}] = way\n")
    return PLUGIN + "\n".join(ways)
