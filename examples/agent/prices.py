"""A function that an agent may call: its name, its types and its docstring are all that the model is told."""

PRICES = {"green tea": 3.2, "black tea": 2.9, "cups": 1.5}


def total(item: str, count: int) -> float:
    """What so many of an item cost, in euros.

    Args:
        item: an item's name.
        count: how many; more than two get a tenth off.
    """
    return round(PRICES[item] * count * (0.9 if count > 2 else 1), 2)
