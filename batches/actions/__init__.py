"""The only door to a batch: each verb is a function that locks, checks rights and state, changes and logs."""

from .add import add_row
from .again import answers_of, begin_again, comes_and_goes, repopulate
from .base import CODE, PAGE, TASK, Door, handler_of, why_not
from .bulk import Changed, bulk_change
from .carrying import carry_on
from .downloads import export
from .groups import put_back, settle
from .keeping import hold, purge, release
from .life import close, delete, deliver, discard, withdraw
from .make import change_options, make
from .mappings import map_columns
from .mend import drop_record, mend_record
from .parts import Moved, split
from .proposals import answers
from .readings import must_be_answered, read_as, set_reading
from .rows import edit_row, exclude, include
from .runs import (
    begin_revert,
    execute,
    pause,
    populate,
    proposes_chunks,
    reapply,
    refresh,
    resume,
    retry,
    revert,
    start,
    stop,
    work,
)
from .values import forget_value, map_values

__all__ = [
    "CODE",
    "PAGE",
    "TASK",
    "Changed",
    "Door",
    "Moved",
    "add_row",
    "answers",
    "answers_of",
    "begin_again",
    "begin_revert",
    "bulk_change",
    "carry_on",
    "change_options",
    "close",
    "comes_and_goes",
    "delete",
    "deliver",
    "discard",
    "drop_record",
    "edit_row",
    "exclude",
    "execute",
    "export",
    "forget_value",
    "handler_of",
    "hold",
    "include",
    "make",
    "map_columns",
    "map_values",
    "mend_record",
    "must_be_answered",
    "pause",
    "populate",
    "proposes_chunks",
    "purge",
    "put_back",
    "read_as",
    "reapply",
    "refresh",
    "release",
    "repopulate",
    "resume",
    "retry",
    "revert",
    "set_reading",
    "settle",
    "split",
    "start",
    "stop",
    "why_not",
    "withdraw",
    "work",
]
