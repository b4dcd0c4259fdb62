"""Functions that the tour's workflow calls, each in a worker process of its own."""


def measure(text: str, labels: list[str]) -> dict[str, object]:
    """Count the words and lines of a text, and say which labels it goes with."""
    return {"words": len(text.split()), "lines": len(text.splitlines()), "labels": labels}


async def count_words(text: str) -> int:
    """Count the words of a text.

    Args:
        text: what to count in.
    """
    return len(text.split())
