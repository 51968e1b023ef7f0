"""What the demo store sells: lines of goods, out of which products are combined.

The lines stand in goods.txt.
"""

from pathlib import Path
from typing import NamedTuple


def text_rows(name: str) -> list[str]:
    """Return the rows of a text file beside this one, without comments."""
    text = Path(__file__).with_name(name).read_text("utf-8")
    return [row for row in text.splitlines() if row and not row.startswith("#")]


class Line(NamedTuple):
    department: int
    category: str
    shelf: str
    noun: str
    varieties: str
    sizes: str

    def described(self, variety: str) -> str:
        """The noun with the variety before it, or where its star is."""
        return self.noun.replace("*", variety) if "*" in self.noun else f"{variety} {self.noun}"


LINES = [Line(int(number), *rest) for number, *rest in (row.split("|") for row in text_rows("goods.txt"))]

# Sold by weight with a price-embedded code from the scale: department, category, name, price per pound.
WEIGHED = [
    (30, "Beef", name, price)
    for name, price in (
        ("Ground Beef 80/20", "5.49"),
        ("Ground Beef 93/7", "7.49"),
        ("Ribeye Steak", "15.99"),
        ("New York Strip Steak", "13.99"),
        ("Sirloin Steak", "9.99"),
        ("Chuck Roast", "7.99"),
        ("Beef Stew Meat", "7.49"),
        ("Brisket", "6.99"),
    )
]
WEIGHED += [
    (30, "Pork and poultry", name, price)
    for name, price in (
        ("Boneless Pork Chops", "4.99"),
        ("Pork Tenderloin", "5.49"),
        ("Baby Back Ribs", "6.49"),
        ("Boneless Chicken Breast", "4.99"),
        ("Chicken Thighs", "2.99"),
        ("Chicken Drumsticks", "1.99"),
        ("Whole Chicken", "1.89"),
        ("Ground Turkey", "4.49"),
    )
]
WEIGHED += [
    (35, "Fresh seafood", name, price)
    for name, price in (
        ("Atlantic Salmon Fillet", "12.99"),
        ("Cod Fillet", "10.99"),
        ("Tilapia Fillet", "7.99"),
        ("Jumbo Shrimp", "13.99"),
    )
]
WEIGHED += [
    (45, "Sliced to order", name, price)
    for name, price in (
        ("Oven Roasted Turkey", "9.99"),
        ("Honey Ham", "7.99"),
        ("Genoa Salami", "8.99"),
        ("Roast Beef", "12.99"),
        ("Provolone", "8.49"),
        ("Muenster", "8.99"),
        ("Baby Swiss", "9.49"),
        ("Pastrami", "11.99"),
    )
]
