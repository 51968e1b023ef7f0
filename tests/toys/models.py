"""Things with a price, in boxes: enough production for every kind of batch type."""

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q

from batches import journal
from batches.models import BatchBase, BatchKey, BatchRowBase, FileBatchMixin, Link


@journal.track
class Box(models.Model):
    """What several things share."""

    name = models.CharField(max_length=30, unique=True)

    def __str__(self):
        return self.name


@journal.track
class Thing(models.Model):
    """What the toys change."""

    class Colour(models.TextChoices):
        RED = "red"
        BLUE = "blue"

    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=40, default="")
    colour = models.CharField(max_length=10, choices=Colour.choices, default="red")
    price = models.DecimalField(
        max_digits=8, decimal_places=2, null=True, blank=True, validators=[MaxValueValidator(9000)]
    )
    box = models.ForeignKey(Box, models.PROTECT, null=True, blank=True, related_name="things")
    modified = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(price__gte=0),
                name="thing_price_positive",
                violation_error_message="A price is 0 or more.",
            )
        ]

    def __str__(self):
        return self.code


@journal.track
class Tag(models.Model):
    """Refers to a thing, so that deleting the thing is in question."""

    thing = models.ForeignKey(Thing, models.CASCADE, related_name="tags")
    text = models.CharField(max_length=20)

    def __str__(self):
        return self.text


class PriceBatch(BatchBase):
    """New prices, declared."""

    factor = models.DecimalField(max_digits=5, decimal_places=2, default=1)

    class Meta(BatchBase.Meta):
        verbose_name = "price batch"
        verbose_name_plural = "price batches"


class PriceRow(BatchRowBase):
    batch = BatchKey(PriceBatch)
    thing = Link(Thing)
    code = models.CharField(max_length=20)
    new_price = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    old_price = models.DecimalField(max_digits=8, decimal_places=2, null=True, editable=False)


class ThingFileBatch(FileBatchMixin, BatchBase):
    """Things from a file: creates, changes and shared boxes, declared."""

    class Meta(BatchBase.Meta):
        verbose_name = "thing file"
        verbose_name_plural = "thing files"


class ThingFileRow(BatchRowBase):
    batch = BatchKey(ThingFileBatch)
    thing = Link(Thing)
    box = Link(Box)
    code = models.CharField(max_length=40, null=True)
    name = models.CharField(max_length=60, null=True)
    colour = models.CharField(max_length=20, null=True)
    price = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    box_name = models.CharField(max_length=30, null=True)
    bought = models.DateField(null=True)
    old_name = models.CharField(max_length=40, null=True, editable=False)
    old_colour = models.CharField(max_length=10, null=True, editable=False)
    old_price = models.DecimalField(max_digits=8, decimal_places=2, null=True, editable=False)
    old_box = Link(Box, editable=False)


class CleanBatch(BatchBase):
    """Things to delete, declared."""

    class Meta(BatchBase.Meta):
        verbose_name = "clean-up"
        verbose_name_plural = "clean-ups"


class CleanRow(BatchRowBase):
    batch = BatchKey(CleanBatch)
    thing = Link(Thing)
    code = models.CharField(max_length=20)


class RenameBatch(BatchBase):
    """Names in capitals, a row at a time in Python."""

    class Meta(BatchBase.Meta):
        verbose_name = "rename batch"
        verbose_name_plural = "rename batches"


class RenameRow(BatchRowBase):
    batch = BatchKey(RenameBatch)
    thing = Link(Thing)
    name = models.CharField(max_length=40, default="")
    old_name = models.CharField(max_length=40, default="", editable=False)


class DoubleBatch(BatchBase):
    """Prices doubled, all at once in SQL."""

    class Meta(BatchBase.Meta):
        verbose_name = "double batch"
        verbose_name_plural = "double batches"


class DoubleRow(BatchRowBase):
    batch = BatchKey(DoubleBatch)
    thing = Link(Thing)
    new_price = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    old_price = models.DecimalField(max_digits=8, decimal_places=2, null=True, editable=False)


class TellBatch(BatchBase):
    """New prices that another system is told."""

    class Meta(BatchBase.Meta):
        verbose_name = "told price batch"
        verbose_name_plural = "told price batches"


class TellRow(BatchRowBase):
    batch = BatchKey(TellBatch)
    thing = Link(Thing)
    code = models.CharField(max_length=20)
    new_price = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    old_price = models.DecimalField(max_digits=8, decimal_places=2, null=True, editable=False)
