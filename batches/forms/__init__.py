"""Forms of the pages."""

from .making import make_form, option_values
from .mapping import FileOptionsForm, MappingForm
from .reading import ReadingForm
from .rows import ExecuteForm, ReasonForm, RowForm, cell_text

__all__ = [
    "ExecuteForm",
    "FileOptionsForm",
    "MappingForm",
    "ReadingForm",
    "ReasonForm",
    "RowForm",
    "cell_text",
    "make_form",
    "option_values",
]
