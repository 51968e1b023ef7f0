"""Read vendors' files rightly or say why not, and write files that a spreadsheet cannot run."""

from .columns import Column
from .convert import converter, copy_converter
from .detect import ENCODINGS
from .mapping import suggest
from .messages import BadRecord, CellError, sentence
from .reading import DELIMITER_LABELS, Reader, Reading, preview, raw_lines, read_headings, sniff
from .sheet import write_xlsx
from .survey import Facts, Survey, survey
from .writing import csv_chunks, write_csv

__all__ = [
    "DELIMITER_LABELS",
    "ENCODINGS",
    "BadRecord",
    "CellError",
    "Column",
    "Facts",
    "Reader",
    "Reading",
    "Survey",
    "converter",
    "copy_converter",
    "csv_chunks",
    "preview",
    "raw_lines",
    "read_headings",
    "sentence",
    "sniff",
    "suggest",
    "survey",
    "write_csv",
    "write_xlsx",
]
