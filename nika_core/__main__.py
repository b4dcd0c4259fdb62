"""`python -m nika_core`: the command line, also if only the kernel is installed."""

from nika_core.cli import command_line

if __name__ == "__main__":
    command_line()
