"""Read one workbook in a process of its own, with limits; it imports nothing else of the site."""
