"""Departments of the store."""

from django.db import models
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from batches import journal


@journal.track
class Department(models.Model):
    """A part of the store that plans and earns on its own, such as Dairy."""

    number = models.PositiveIntegerField(
        _("number"), unique=True, null=True, blank=True, help_text=_("Empty until somebody gives it one.")
    )
    name = models.CharField(_("name"), max_length=100)
    target_margin = models.DecimalField(
        _("target margin"),
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        help_text=_("Percent of the price that should be left after the cost, 0 to 99.99."),
    )

    class Meta:
        verbose_name = _("department")
        verbose_name_plural = _("departments")
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(
                Upper("name"),
                name="department_name_unique",
                violation_error_message=_("There is a department of this name."),
            ),
            models.CheckConstraint(
                condition=models.Q(target_margin__gte=0, target_margin__lt=100),
                name="department_margin_range",
                violation_error_message=_("A target margin is at least 0 and less than 100 percent."),
            ),
        ]

    def __str__(self) -> str:
        return self.name
