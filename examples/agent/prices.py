"""A function for an agent. The model receives only its name, types and docstring."""

PRICES = {"green tea": 3.2, "black tea": 2.9, "cups": 1.5}


def total(item: str, count: int) -> float:
    """Return the price of a number of items, in euros.

    Args:
        item: an item's name.
        count: how many; more than two get a tenth off.
    """
    return round(PRICES[item] * count * (0.9 if count > 2 else 1), 2)
