"""Signals of the framework."""

from django.dispatch import Signal

# Sent once a piece after commit, with model, pks, batch (number) and run (id). A hint: a process that dies between commit and
# sending sends nothing.
rows_written = Signal()
