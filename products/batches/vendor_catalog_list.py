"""Vendor catalog: what follows from the list as a whole: costs that it no longer has, and what moved since the last one."""

from typing import Any

from django.db.models import BigIntegerField, Exists, Max, OuterRef
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from batches import sql
from batches.models import Unreadable
from batches.states import Status
from products.models import ProductCost

from .vendor_catalog_rules import AMOUNT

SINCE = ("since_new", "since_dearer", "since_cheaper")
NO_LIST = (Status.DRAFT, Status.POPULATING, Status.WITHDRAWN)


def ends(batch: Any) -> str:
    """Return whether costs that are missing from the list may be ended: "yes", or "part", "unread" or "many"; "" if none is."""
    listed = batch.our_costs - batch.missing
    if not batch.missing:
        return ""
    if batch.whole_list == "no" or (batch.whole_list == "auto" and listed * 2 < batch.our_costs):
        return "part"
    if Unreadable.objects.filter(batch_id=batch.pk, dropped=False).exists():
        return "unread"
    return "many" if batch.missing * 100 > batch.most_ended * batch.our_costs else "yes"


def about_ends(batch: Any) -> str:
    """Return the sentence about what is missing from the list, or ''."""
    said = {
        "yes": _(
            "Costs that are not in the list: %(n)d; those that are put back among the rows are deleted."
        ),
        "part": _(
            "Costs that are not in the file: %(n)d of %(all)d; it is taken for a part of the list, so none is ended."
        ),
        "unread": _(
            "Costs that are not in the file: %(n)d; some of its records are unreadable, so none is ended."
        ),
        "many": _("Costs that are not in the file: %(n)d of %(all)d, more than %(limit)d %%; none is ended."),
    }
    known = {"n": batch.missing, "all": batch.our_costs, "limit": batch.most_ended}
    found = ends(batch)
    return said[found] % known if found else ""


def end_what_is_missing(handler: Any) -> None:
    """Make a row, excluded at first, of each cost of the vendor that is not in the list; take back those that are in it now."""
    batch, rows = handler.batch, handler.rows().order_by()
    if batch.is_part:
        _end_no_more(handler)
        return
    costs = ProductCost.objects.using(handler.using).filter(vendor=batch.vendor_id)
    own = rows.filter(vendor__isnull=False)
    missing = costs.filter(~Exists(own.filter(cost=OuterRef("pk"))))
    batch.our_costs, batch.missing = costs.count(), missing.count()
    ended = rows.filter(ended__isnull=False)
    offered = ends(batch) == "yes"
    gone = ended.filter(~Exists(missing.filter(pk=OuterRef("ended_id")))) if offered else ended
    if gone.delete()[0]:
        # Rows that shared a product with one of them stand alone now.
        handler.check_peers()
    if not offered:
        return
    new = missing.filter(~Exists(ended.filter(ended=OuterRef("pk")))).order_by("product__description", "pk")
    last = rows.aggregate(last=Max("sequence"))["last"] or 0
    reason = _("Not in the list; put it back to end the cost.")
    made = [
        handler.row_model(batch=batch, sequence=n, ended_id=pk, removed=True, removed_reason=reason)
        for n, pk in enumerate(new.values_list("pk", flat=True), last + 1)
    ]
    if made:
        handler.row_model.objects.using(handler.using).bulk_create(made)
        handler.refresh(handler.rows().filter(sequence__gt=last))


def _end_no_more(handler: Any) -> None:
    """Keep of a part of a list what the whole one was found to lack, each row where it lies.

    Unless the cost is in this part now, or the options say by now that none is ended.
    """
    ended = handler.rows().order_by().filter(ended__isnull=False)
    own = handler.rows().order_by().filter(vendor__isnull=False)
    listed = Exists(own.filter(cost=OuterRef("ended_id")))
    handler.batch.missing = ended.filter(~listed).count()
    gone = ended.filter(listed) if ends(handler.batch) in ("", "yes") else ended
    if gone.delete()[0]:
        handler.check_peers()


def last_lists(batch: Any) -> list[int]:
    """Return the vendor's list before this one that somebody looked at or executed: its number, and those of its other parts.

    A list that was split is as old as the batch that read it. None where rows of it were purged: what it had is not known any more.
    """
    lists = type(batch).objects.exclude(status__in=NO_LIST)
    began = Coalesce("ref__part_of", "pk", output_field=BigIntegerField())
    before = lists.alias(began=began).filter(vendor=batch.vendor_id, began__lt=batch.ref.part_of or batch.pk)
    if batch.sha256:
        # The same file twice has no news.
        before = before.exclude(sha256=batch.sha256)
    last = before.select_related("ref").order_by("-began", "-pk").first()
    if last is None:
        return []
    parts = lists.filter(pk__in=last.parts()).order_by("pk")
    if parts.filter(ref__purge_begun__isnull=False).exists():
        # Whatever lay among rows that are gone would pass for new.
        return []
    return list(parts.values_list("pk", flat=True))


def note_what_moved(handler: Any) -> None:
    """Note on each row how it differs from the vendor's last list, and count what that had and this one has not."""
    batch, using = handler.batch, handler.using
    last, had = last_lists(batch), batch.last_list_id
    batch.last_list_id = last[0] if last else None
    if not last and had is None:
        batch.dropped = 0
        return
    table = sql.table(handler.row_model)
    sql.run(using, NOTES.format(table=table), [last, batch.pk, list(SINCE), list(SINCE)])
    # What a list that was split lacks was counted while it was whole: parts of it may be deleted by now.
    if not batch.is_part or batch.last_list_id != had:
        batch.dropped = sql.fetch(using, DROPPED.format(table=table), [last, batch.parts()])[0][0]


# What an item is called in a list, whatever we know of it.
_NAME = "COALESCE(vendor_item_code, code, our_number)"
# How each row differs from the last list's, put before its findings; rows that say so already are not written.
NOTES = (
    f"WITH last AS (SELECT DISTINCT ON ({_NAME}) {_NAME} AS name, new_unit_cost AS cost FROM {{table}}"
    f" WHERE batch_id = ANY(%s) AND vendor_id IS NOT NULL AND {_NAME} IS NOT NULL ORDER BY {_NAME}, sequence),"
    f" mine AS (SELECT id, {_NAME} AS name, new_unit_cost AS cost, COALESCE(issues, '[]') AS issues FROM {{table}}"
    f" WHERE batch_id = %s AND vendor_id IS NOT NULL AND {_NAME} IS NOT NULL),"
    " noted AS (SELECT mine.*, CASE WHEN NOT EXISTS (SELECT FROM last) THEN NULL WHEN last.name IS NULL THEN 'since_new'"
    " WHEN mine.cost > last.cost THEN 'since_dearer' WHEN mine.cost < last.cost THEN 'since_cheaper' END AS code,"
    f" jsonb_build_object('was', to_char(last.cost, '{AMOUNT}'), 'now', to_char(mine.cost, '{AMOUNT}')) AS params"
    " FROM mine LEFT JOIN last USING (name)),"
    " wanted AS (SELECT id, issues, CASE WHEN code IS NULL THEN '[]' ELSE jsonb_build_array(jsonb_build_object("
    "'code', code, 'field', '', 'severity', 'notice', 'keep', true, 'params', params)) END AS note,"
    " COALESCE((SELECT jsonb_agg(e) FROM jsonb_array_elements(issues) e WHERE e ->> 'code' = ANY(%s)), '[]') AS noted,"
    " COALESCE((SELECT jsonb_agg(e) FROM jsonb_array_elements(issues) e WHERE e ->> 'code' <> ALL(%s)), '[]') AS others"
    " FROM noted)"
    " UPDATE {table} r SET issues = NULLIF(w.note || w.others, '[]') FROM wanted w WHERE r.id = w.id AND w.note <> w.noted"
)
DROPPED = (
    f"SELECT count(DISTINCT {_NAME}) FROM {{table}} WHERE batch_id = ANY(%s) AND vendor_id IS NOT NULL AND {_NAME} NOT IN"
    f" (SELECT {_NAME} FROM {{table}} WHERE batch_id = ANY(%s) AND vendor_id IS NOT NULL AND {_NAME} IS NOT NULL)"
)
