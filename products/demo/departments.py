"""Departments and vendors of the demo store."""

# Number: name, target margin in percent.
DEPARTMENTS: dict[int, tuple[str, str]] = {
    10: ("Grocery", "24.00"),
    12: ("Snacks and Candy", "31.00"),
    14: ("Beverages", "27.00"),
    16: ("International Foods", "30.00"),
    20: ("Dairy", "25.00"),
    25: ("Frozen", "30.00"),
    30: ("Meat", "28.00"),
    35: ("Seafood", "32.00"),
    40: ("Produce", "38.00"),
    45: ("Deli", "42.00"),
    50: ("Bakery", "45.00"),
    60: ("Household", "29.00"),
    65: ("Health and Beauty", "34.00"),
    70: ("Baby", "22.00"),
    75: ("Pet", "27.00"),
}
# What a buyer of packaged food looks after.
GROCERY_SIDE = (10, 12, 14, 16, 20, 25)

# Code, name, departments served; the first vendor of a department is the usual one.
VENDORS: list[tuple[str, str, tuple[int, ...]]] = [
    ("UNW", "United Northern Wholesale", (10, 12, 14, 16, 60, 65, 70, 75)),
    ("HMG", "Heartland Merchants Group", (10, 12, 14, 20, 25, 60)),
    ("PVD", "Pine Valley Distributing", (10, 16, 60, 75)),
    ("SNK", "Snack Route Partners", (12,)),
    ("CND", "Candy & Tobacco Supply", (12,)),
    ("BVC", "Bottlers' Cooperative", (14,)),
    ("RCT", "River City Tea and Coffee", (14,)),
    ("WLD", "Worldwide Pantry Imports", (16,)),
    ("GPD", "Green Pastures Dairy", (20,)),
    ("MFC", "Midland Farmers' Creamery", (20, 25)),
    ("FRZ", "Frostline Logistics", (25, 35)),
    ("PBP", "Prairie Beef Packers", (30,)),
    ("RBM", "Red Barn Meats", (30, 45)),
    ("HLS", "Harbor Light Seafood", (35,)),
    ("VGP", "Valley Growers' Produce", (40,)),
    ("SRF", "Sunrise Farms", (40,)),
    ("DFC", "Deli Foods Company", (45, 20)),
    ("GCB", "Golden Crust Bakeries", (50,)),
    ("HBA", "Health & Beauty Allied", (65, 70)),
    ("PET", "Pet Supply Depot", (75,)),
]
