"""Every sentence about a file, a record or a cell, by its code; codes and parameters are what is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from batches.exceptions import FileRefused

SHOWN = 80  # characters of a value that a sentence quotes

FILE_MESSAGES = {
    "empty": _(
        "The file %(name)r is empty; a heading row and at least one row below it were expected. Choose "
        "another file."
    ),
    "no_rows": _(
        "The file %(name)r has a heading row (row %(row)s) but nothing below it. Choose another file."
    ),
    "not_text": _(
        "The file %(name)r is %(what)s, not a CSV file. Open it where it was made and save it as CSV or XLSX."
    ),
    "is_workbook": _(
        "The file %(name)r is a workbook under another name. Rename it to end in .xlsx or .ods."
    ),
    "not_workbook": _(
        "The file %(name)r is named like a workbook but is none. If it is a CSV file, rename it to end in "
        ".csv; else save it as XLSX again."
    ),
    "other_format": _("The file %(name)r is %(what)s, which is not read here. Save it as XLSX or CSV."),
    "encrypted": _("The workbook %(name)r is protected by a password. Save it without a password."),
    "macros": _("The workbook %(name)r holds macros. Save it as a workbook without macros (.xlsx)."),
    "bad_workbook": _(
        "The workbook %(name)r cannot be read; it is damaged or was not written by a spreadsheet. Open it "
        "in a spreadsheet and save it as XLSX again."
    ),
    "workbook_limit": _(
        "The workbook %(name)r was refused: %(what)s is %(value)s, at most %(limit)s is read. Save the "
        "sheet as CSV."
    ),
    "workbook_unsafe": _(
        "The workbook %(name)r was refused: its part %(part)r holds %(what)s, which a spreadsheet does not "
        "write. Save it as XLSX again."
    ),
    "workbook_costly": _(
        "The workbook %(name)r was refused: reading it takes more memory or time than is allowed. Delete "
        "empty rows and columns far from the data, or save the sheet as CSV."
    ),
    "formula_without_value": _(
        "In the workbook %(name)r the cell %(cell)s of the sheet %(sheet)r holds a formula without a value "
        "(such cells in all: %(count)s). Open it in a spreadsheet, which calculates them, and save it again."
    ),
    "no_sheet": _("The workbook %(name)r has no sheet %(sheet)r. Choose one of: %(sheets)s."),
    "no_sheets": _("The workbook %(name)r has no sheet with cells. Choose another file."),
    "headings_changed": _(
        "The headings of the file %(name)r (row %(row)s) are not those that were mapped. Choose the columns"
        " again."
    ),
    "too_many_columns": _(
        "The file %(name)r has %(value)s columns in row %(row)s; at most %(limit)s are read. Delete the "
        "columns that are not needed."
    ),
    "open_quote": _(
        'In the file %(name)r the quote (") that opens in row %(row)s, column %(column)s, before %(value)r,'
        " is never closed. Close it, or delete it."
    ),
    "long_line": _(
        "In the file %(name)r row %(row)s is longer than %(limit)s characters. Check that the file has one "
        "record on each line."
    ),
    "bad_heading_row": _("In the file %(name)r the heading row %(row)s cannot be read: %(reason)s"),
    "sheet_rows": _("A sheet holds at most %(limit)s rows, headings included. Export as CSV, or fewer rows."),
    "sheet_cell": _(
        "Row %(row)s has a text of more than %(limit)s characters, which a sheet cannot hold: %(value)r. "
        "Export as CSV."
    ),
    "bad_encoding": _(
        "The file %(name)r cannot be read with the encoding %(value)r. Choose another encoding."
    ),
}

RECORD_MESSAGES = {
    "wrong_width": _(
        "Row %(row)s has %(width)s cell(s), but %(expected)s were expected. Put quotes round a cell that "
        "holds the delimiter, or add the missing cells."
    ),
    "unnamed_column": _(
        "Row %(row)s has the value %(value)r in column %(column)s, which has no heading. Write a heading "
        "there, or delete the value."
    ),
    "bare_quote": _(
        'Row %(row)s, column %(column)s has a quote (") inside a cell that does not begin with one: '
        "%(value)r. Put the whole cell in quotes and double the quote inside, or delete it."
    ),
    "unclosed_quote": _(
        'Row %(row)s, column %(column)s begins with a quote (") that is not closed in this row: %(value)r. '
        "Close it, or delete it."
    ),
    "text_after_quote": _(
        'Row %(row)s, column %(column)s has text after the closing quote ("): %(value)r. Double each quote '
        "inside a quoted cell."
    ),
    "undecodable": _(
        "Row %(row)s, column %(column)s has bytes that are not %(encoding)s: %(value)r. Choose another "
        "encoding, or correct the text."
    ),
    "nul": _("Row %(row)s, column %(column)s has a NUL character: %(value)r. Delete it."),
    "lone_return": _(
        "Row %(row)s, column %(column)s has a carriage return inside a cell without quotes: %(value)r. Put "
        "the cell in quotes, or delete it."
    ),
    "long_cell": _("Row %(row)s has a cell longer than %(limit)s characters. Shorten it."),
}

CELL_MESSAGES = {
    "required": _("%(label)s is empty; a value was expected. Fill it in."),
    "too_long": _("%(value)r has %(length)s characters; at most %(limit)s were expected. Shorten it."),
    "not_a_number": _(
        "%(value)r is not a number; digits with a point before the decimals were expected. Correct it."
    ),
    "not_an_integer": _(
        "%(value)r is not a whole number; digits without decimals were expected. Correct it."
    ),
    "number_ambiguous": _(
        "%(value)r may mean two numbers. Write it without thousands separators, or choose the decimal mark of "
        "the file."
    ),
    "decimal_comma": _(
        "%(value)r has a comma before its decimals; a point was expected. Correct it, or choose the comma as "
        "decimal mark of the file."
    ),
    "number_exponent": _("%(value)r is a number with an exponent; plain digits were expected. Write it out."),
    "number_digits": _("%(value)r has digits that are not 0 to 9. Write it in the digits 0 to 9."),
    "too_many_decimals": _("%(value)r has more decimals than %(limit)s and would be rounded. Correct it."),
    "too_large": _(
        "%(value)r is too large; at most %(limit)s digits before the point were expected. Correct it."
    ),
    "too_small": _("%(value)r is too small; at least %(limit)s was expected. Correct it."),
    "code_damaged": _(
        "%(value)r is a code that a spreadsheet has damaged; all of its digits were expected. Take it from "
        "the source again."
    ),
    "code_digits": _("%(value)r has digits that are not 0 to 9. Write the code in the digits 0 to 9."),
    "not_a_date": _("%(value)r is not a date; a date such as 2026-01-31 was expected. Correct it."),
    "date_ambiguous": _(
        "%(value)r may mean two dates; a date such as 2026-01-31 was expected. Write the year first, or choose "
        "the order of dates of the file."
    ),
    "not_a_boolean": _(
        "%(value)r is neither yes nor no; yes, no, true, false, 1 or 0 was expected. Correct it."
    ),
    "cell_error": _("%(value)r is an error of the spreadsheet; a value was expected. Correct the cell."),
}

MESSAGES = FILE_MESSAGES | RECORD_MESSAGES | CELL_MESSAGES


def sentence(code: str, params: dict[str, Any]) -> str:
    """Return the sentence of `code` in the reader's language."""
    return gettext(MESSAGES[code]) % params


def shorten(text: str) -> str:
    """Return `text` cut to what a sentence can quote."""
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def refusal(code: str, **params: Any) -> FileRefused:
    """Return the exception that refuses a file; its `details` hold the code and the parameters."""
    return FileRefused(sentence(code, params), code=code, **params)


@dataclass(frozen=True)
class BadRecord:
    """A record that could not be read: where it began, its text as it stands, and why."""

    line: int
    text: str
    code: str
    params: dict[str, Any]

    @property
    def message(self) -> str:
        """Return why, as a sentence."""
        return sentence(self.code, self.params)


class CellError(ValueError):
    """The text of a cell is not what its column holds."""

    def __init__(self, code: str, params: dict[str, Any]) -> None:
        self.code = code
        self.params = params
        super().__init__(code, params)

    @property
    def message(self) -> str:
        """Return why, as a sentence."""
        return sentence(self.code, self.params)

    def __str__(self) -> str:
        return self.message
