"""The agent's tools: their signatures and docstrings are what a model is told of them."""

from pathlib import Path

NOTES = Path(__file__).parent / "notes"


def list_notes() -> list[str]:
    """Return the names of all notes."""
    return sorted(note.stem for note in NOTES.glob("*.md"))


def read_note(name: str) -> str:
    """Return the text of one note.

    Args:
        name: one of the names that list_notes returns.
    """
    if name not in list_notes():
        raise ValueError(f"there is no note {name!r}: use list_notes")
    return (NOTES / f"{name}.md").read_text(encoding="utf-8")
