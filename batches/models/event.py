"""The append-only log of what was done with batches, by whom and through which door."""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from ..sql import PURGING

REFUSE = f"""
IF {PURGING} THEN
    RETURN NULL;
END IF;
RAISE EXCEPTION 'The log of batches is append-only: % is refused.', TG_OP;
"""


class Event(models.Model):
    """One entry of the log. No foreign keys: it outlives what it names, so labels are copied."""

    at = models.DateTimeField(_("when"), db_default=Now())
    batch = models.BigIntegerField(_("batch"), db_index=True)
    type = models.CharField(_("type"), max_length=50)
    verb = models.CharField(_("what"), max_length=30)
    run = models.BigIntegerField(_("run"), null=True)
    user_key = models.CharField(_("user key"), max_length=64, default="")
    user_name = models.CharField(_("who"), max_length=150, default="")
    door = models.CharField(_("door"), max_length=20, default="")
    account = models.CharField(_("system account"), max_length=150, default="")
    host = models.CharField(_("host"), max_length=150, default="")
    old = models.CharField(_("old state"), max_length=20, default="")
    new = models.CharField(_("new state"), max_length=20, default="")
    comment = models.TextField(_("comment"), default="")
    data = models.JSONField(_("details"), default=dict)

    class Meta:
        verbose_name = _("log entry")
        verbose_name_plural = _("log")
        ordering = ["pk"]
        default_permissions = ("view",)
        triggers = [
            pgtrigger.Trigger(
                name="append_only",
                operation=pgtrigger.Update | pgtrigger.Delete,
                when=pgtrigger.Before,
                level=pgtrigger.Statement,
                func=REFUSE,
            ),
            pgtrigger.Trigger(
                name="no_truncate",
                operation=pgtrigger.Truncate,
                when=pgtrigger.Before,
                level=pgtrigger.Statement,
                func="RAISE EXCEPTION 'The log of batches is append-only: TRUNCATE is refused.';",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.batch:08d} {self.verb}"
