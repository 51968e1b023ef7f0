"""The outbox: what an execution has to tell other systems, written in its transaction and sent afterwards."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from .numbers import BatchNumber


class DeliveryLot(models.Model):
    """Deliveries of one run that go to one target at once: all of them are sent, or none is.

    What belongs together is settled when it is written, so that a lot that is sent again is the same to the last byte.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    batch = models.ForeignKey(BatchNumber, models.CASCADE, related_name="lots", verbose_name=_("batch"))
    # No foreign key: a run is the control row of work, and what it has to tell may outlive it.
    run = models.BigIntegerField(_("run"))
    target = models.CharField(_("target"), max_length=30)
    key = models.CharField(_("key"), max_length=100)
    names = models.JSONField(
        _("names"), help_text=_("Names in the payloads, in order: JSON objects have none.")
    )
    rows = models.PositiveIntegerField(_("deliveries"))
    state = models.CharField(_("state"), max_length=9, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveIntegerField(
        _("attempts"), default=0, help_text=_("Rises with every claim: the fencing token of a sender.")
    )
    tries_before = models.PositiveIntegerField(
        _("tries before"), default=0, help_text=_("Attempts until somebody last asked to send it again.")
    )
    next_try = models.DateTimeField(
        _("next try"),
        db_default=Now(),
        help_text=_("Nobody sends it before; a sender's claim lasts until then."),
    )
    last_error = models.TextField(_("last error"), default="")
    created = models.DateTimeField(_("created"), db_default=Now())
    sent = models.DateTimeField(_("sent"), null=True)

    class Meta:
        verbose_name = _("lot of deliveries")
        verbose_name_plural = _("lots of deliveries")
        ordering = ["pk"]
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["key"], name="batches_lot_key")]
        indexes = [
            models.Index(
                fields=["batch", "target", "id"],
                condition=models.Q(state="waiting"),
                name="batches_lot_order",
            ),
            models.Index(fields=["next_try"], condition=models.Q(state="waiting"), name="batches_lot_due"),
        ]

    def __str__(self) -> str:
        return self.key

    @classmethod
    def unsent(cls, batch: int) -> models.QuerySet[DeliveryLot]:
        """Return the lots of a batch that were not sent: those that wait, and those that failed."""
        return cls._default_manager.filter(batch_id=batch, state__in=[cls.State.WAITING, cls.State.FAILED])


class Delivery(models.Model):
    """What one row tells one target. It is written once and never changed; how far it is stands in its lot."""

    # No constraint: it is written with its lot in one transaction, a hundred thousand at a time.
    lot = models.ForeignKey(
        DeliveryLot, models.CASCADE, related_name="deliveries", db_constraint=False, db_index=False, verbose_name=_("lot")
    )  # fmt: skip
    row = models.PositiveIntegerField(_("row"))
    key = models.CharField(
        _("key"), max_length=100, help_text=_("The same at every try; a receiver knows by it what it has.")
    )
    payload = models.JSONField(_("payload"))

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ["lot", "row"]
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["key"], name="batches_delivery_key")]
        indexes = [models.Index(fields=["lot", "row"], name="batches_delivery_order")]

    def __str__(self) -> str:
        return self.key
