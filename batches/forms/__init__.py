"""Forms of the pages."""

from .bulk import BulkForm
from .making import make_form, option_values
from .mapping import FileOptionsForm, MappingForm
from .reading import ReadingForm
from .rows import ExecuteForm, NewRowForm, ReasonForm, RowForm, cell_text

__all__ = [
    "BulkForm",
    "ExecuteForm",
    "FileOptionsForm",
    "MappingForm",
    "NewRowForm",
    "ReadingForm",
    "ReasonForm",
    "RowForm",
    "cell_text",
    "make_form",
    "option_values",
]
