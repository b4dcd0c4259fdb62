"""A loop that ends also when something in it does not."""

import asyncio
import subprocess
import sys

import pytest

from nika_core.engine.local.event_loop import run_to_end


async def stubborn():
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            continue


def test_it_gives_what_the_main_coroutine_returns():
    async def main():
        await asyncio.sleep(0)
        return 3

    assert run_to_end(main()) == 3


def test_it_raises_what_the_main_coroutine_raises():
    async def main():
        raise KeyError("x")

    with pytest.raises(KeyError):
        run_to_end(main())


def test_what_is_left_is_cancelled_and_may_clean_up():
    cleaned = []

    async def background():
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    async def main():
        main.task = asyncio.create_task(background())
        await asyncio.sleep(0)

    run_to_end(main())
    assert cleaned == [True]


def test_what_does_not_end_is_let_go_of_after_its_grace():
    program = (
        "import asyncio, sys; sys.path.insert(0, sys.argv[1])\n"
        "from nika_core.engine.local.event_loop import run_to_end\n"
        "from test_event_loop_end import stubborn\n"
        "async def main():\n"
        "    main.task = asyncio.create_task(stubborn())\n"
        "    await asyncio.sleep(0)\n"
        "    return 7\n"
        "print(run_to_end(main(), 0.05))\n"
    )
    folder = str(__import__("pathlib").Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", program, folder], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "7\n", "")


def test_an_interrupt_that_comes_up_in_the_main_coroutine_itself_ends_it():
    async def main():
        await asyncio.sleep(0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_to_end(main())
