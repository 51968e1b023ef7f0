"""One long operation on one batch, and the steps that it committed."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from ..states import ACTIVE, RunKind, RunState
from .numbers import BatchNumber


class Run(models.Model):
    """The control row of a run: state, requests, lease, progress. The work's transaction never writes or locks it."""

    batch = models.ForeignKey(BatchNumber, models.CASCADE, related_name="runs", verbose_name=_("batch"))
    kind = models.CharField(_("kind"), max_length=12, choices=RunKind.choices)
    state = models.CharField(_("state"), max_length=12, choices=RunState.choices, default=RunState.QUEUED)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("requested by")
    )
    requested_by_name = models.CharField(_("requested by"), max_length=150, default="")
    door = models.CharField(_("door"), max_length=20, default="")
    params = models.JSONField(_("parameters"), default=dict)
    attempt = models.PositiveIntegerField(
        _("attempt"), default=0, help_text=_("Fencing token: rises at every takeover.")
    )
    owner = models.CharField(_("owner"), max_length=200, default="")
    lease_until = models.DateTimeField(_("lease until"), null=True)
    stop_requested = models.BooleanField(_("stop requested"), default=False)
    pause_requested = models.BooleanField(_("pause requested"), default=False)
    done = models.PositiveBigIntegerField(_("done"), default=0)
    total = models.PositiveBigIntegerField(_("total"), null=True)
    blocked = models.PositiveIntegerField(
        _("who waits"),
        default=0,
        help_text=_("Sessions that have waited for more than a second for what it locks."),
    )
    error = models.TextField(_("error"), default="")
    counts = models.JSONField(_("counts"), default=dict)
    created = models.DateTimeField(_("created"), db_default=Now())
    started = models.DateTimeField(_("started"), null=True)
    finished = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        ordering = ["-pk"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["batch"],
                condition=models.Q(state__in=ACTIVE),
                name="batches_run_one_active",
                violation_error_message=_("Something else is under way with this batch."),
            )
        ]
        indexes = [
            models.Index(
                fields=["lease_until"], condition=models.Q(state__in=ACTIVE), name="batches_run_active"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.batch_id:08d} ({self.get_state_display()})"

    @property
    def is_chunked(self) -> bool:
        """Tell whether the run works in chunks, each in a transaction of its own; decided when it was started."""
        return bool(self.params.get("chunked"))

    @property
    def is_active(self) -> bool:
        """Tell whether the run is waiting or under way."""
        return self.state in ACTIVE


class RunStep(models.Model):
    """What one transaction of a run committed; written in that very transaction."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="steps", verbose_name=_("run"))
    attempt = models.PositiveIntegerField(_("attempt"))
    cursor = models.PositiveBigIntegerField(_("cursor"), default=0)
    counts = models.JSONField(_("counts"), default=dict)
    final = models.BooleanField(
        _("final"), default=True, help_text=_("The run is done; a chunk's step is not its last word.")
    )
    at = models.DateTimeField(_("at"), db_default=Now())

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.run_id}/{self.attempt}: {self.cursor}"
