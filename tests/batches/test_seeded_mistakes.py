"""Batch types with one mistake each: the contract's test of that name finds it, and passes for the type without it."""

from contextlib import contextmanager

import pytest
from django.db import DatabaseError, transaction
from django.db.models import F, Q

from batches import journal
from batches.findings import Finding
from batches.registry import registry
from tests.toys.batches import DoubleHandler, PriceHandler, RenameHandler, TellHandler
from tests.toys.models import Box, Thing

from . import test_contract as toys

pytestmark = pytest.mark.django_db


class PopulateWritesToProduction(PriceHandler):
    def make_rows(self):
        for row in super().make_rows():
            # It writes what is there already, so that no value tells.
            Thing.objects.filter(code=row["code"]).update(name=F("name"))
            yield row


class PopulateRemembersOnItsClass(PriceHandler):
    seen = []

    def make_rows(self):
        self.seen.extend(super().make_rows())
        return [{**row} for row in self.seen]


class PopulateSwallowsErrors(PriceHandler):
    def populate(self):
        try:
            super().populate()
        except DatabaseError:
            self.rows().delete()


class RefreshDrifts(DoubleHandler):
    def refresh(self, rows):
        super().refresh(rows)
        self.update_from(rows, version=F("version") + 1)


class ExecuteIgnoresTheBaseValue(RenameHandler):
    def execute_row(self, row):
        Thing.objects.filter(pk=row.thing_id).update(name=row.name)


class ExecuteAdds(DoubleHandler):
    def execute(self, rows):
        self.update_from(Thing.objects, rows, on={"pk": "thing"}, price=F("thing__price") + 1)


class ExecuteTakesTheWholeBatch(DoubleHandler):
    def execute(self, rows):
        super().execute(self.effective_rows())


class ExecuteTakesExcludedRows(DoubleHandler):
    def execute(self, rows):
        sequences = rows.order_by("sequence").values_list("sequence", flat=True)
        given = self.rows().filter(sequence__range=(sequences[0] - 1, sequences.last()))
        super().execute(given)


class ExecuteTakesRowsWithErrors(DoubleHandler):
    def execute(self, rows):
        super().execute(self.rows().filter(removed=False))


class ExecuteAsksForEachRow(DoubleHandler):
    def execute(self, rows):
        for row in rows.select_related("thing"):
            Thing.objects.filter(pk=row.thing_id, price=row.old_price).update(price=row.new_price)


class ExecuteForgetsItsRun(DoubleHandler):
    """What it writes is nobody's, so that an undo finds nothing."""

    def execute(self, rows):
        journal.clear_run()
        super().execute(rows)


class ExecuteTakesWhatWasWrittenForDone(DoubleHandler):
    def execute(self, rows):
        super().execute(rows.filter(applied_at=None))


class ExecuteSignsForAnother(DoubleHandler):
    """What it writes belongs to another run, so that an undo does not see what happened to it since."""

    def execute(self, rows):
        journal.set_run(0)
        super().execute(rows)


class ExecuteSwallowsErrors(RenameHandler):
    def execute_row(self, row):
        try:
            with transaction.atomic():
                super().execute_row(row)
        except DatabaseError:
            """Go on as if it had been written."""


class PartAddsWhatItLacks(PriceHandler):
    """Makes a row of what is not in the batch, though it may lie in another part of it."""

    def refresh_batch(self):
        missing = Thing.objects.exclude(code__in=self.rows().values("code"))
        last = self.rows().last().sequence
        for n, thing in enumerate(missing, last + 1):
            self.row_model.objects.create(batch=self.batch, sequence=n, code=thing.code)


class LookingWrites(PriceHandler):
    def describe_execution(self):
        Box.objects.update(name=F("name"))
        return super().describe_execution()


class FindingMumbles(PriceHandler):
    findings = [
        Finding(
            "rise", "%(new)s is more than %(olde)s.", when=Q(new_price__gt=1), params={"new": "new_price"}
        )
    ]


class ConflictsAreWritten(PriceHandler):
    """Takes what is in production now for what was there at review."""

    def execute(self, rows):
        self.update_from(rows, old_price=F("thing__price"))
        self.update_from(Thing.objects, rows, on={"pk": "thing"}, price="new_price")


class DeliversExcludedRows(TellHandler):
    def deliver(self, rows):
        last = rows.last().sequence
        yield from super().deliver(self.rows().filter(sequence__range=(rows.first().sequence, last)))


class DeliversTheFirstRowsOnly(TellHandler):
    told = False

    def deliver(self, rows):
        if not self.told:
            self.told = True
            yield from super().deliver(rows)


MISTAKES = [
    (DeliversExcludedRows, toys.TestTold, "delivered_is_what_was_written"),
    (DeliversTheFirstRowsOnly, toys.TestTold, "delivered_is_what_was_written"),
    (PopulateRemembersOnItsClass, toys.TestDeclaredChange, "populated_twice_adds_nothing"),
    (RefreshDrifts, toys.TestWholeHooks, "refresh_is_idempotent"),
    (PopulateWritesToProduction, toys.TestDeclaredChange, "nothing_changes_before_execute"),
    (ExecuteAdds, toys.TestWholeHooks, "executed_twice_writes_once"),
    (ExecuteIgnoresTheBaseValue, toys.TestRowHooks, "touched_row_becomes_a_conflict"),
    (ConflictsAreWritten, toys.TestDeclaredChange, "touched_row_becomes_a_conflict"),
    (ExecuteAsksForEachRow, toys.TestWholeHooks, "queries_do_not_grow_with_rows"),
    (ExecuteTakesTheWholeBatch, toys.TestWholeHooks, "pieces_mean_the_same"),
    (PopulateSwallowsErrors, toys.TestDeclaredChange, "fault_in_populate_leaves_nothing"),
    (ExecuteSwallowsErrors, toys.TestRowHooks, "fault_in_execute_leaves_all_or_nothing"),
    (ExecuteForgetsItsRun, toys.TestWholeHooks, "undone_is_as_before"),
    (ExecuteTakesWhatWasWrittenForDone, toys.TestWholeHooks, "undone_can_be_written_again"),
    (ExecuteSignsForAnother, toys.TestWholeHooks, "undo_keeps_a_later_edit"),
    (PartAddsWhatItLacks, toys.TestDeclaredChange, "split_in_two_is_as_whole"),
    (ExecuteTakesExcludedRows, toys.TestWholeHooks, "excluded_rows_never_take_part"),
    (ExecuteTakesRowsWithErrors, toys.TestWholeHooks, "rows_with_errors_never_take_part"),
    (FindingMumbles, toys.TestDeclaredChange, "findings_render"),
    (LookingWrites, toys.TestDeclaredChange, "looking_changes_nothing"),
]
NAMES = [mistake.__name__ for mistake, _contract, _law in MISTAKES]


@contextmanager
def in_place_of_its_sibling(mistake):
    """Register a type with a mistake in place of the right one."""
    right = registry.get(mistake.key)
    registry.unregister(mistake.key)
    registry.register(mistake)
    try:
        yield
    finally:
        registry.unregister(mistake.key)
        registry.register(right)


def keeps(contract, law):
    """Run one test of a contract."""
    contract = contract()
    getattr(contract, f"test_{law}")(contract.make_user("contract", superuser=True))


@pytest.mark.parametrize(("mistake", "contract", "law"), MISTAKES, ids=NAMES)
def test_the_mistake_fails_the_test_named_for_it(mistake, contract, law):
    with in_place_of_its_sibling(mistake), pytest.raises(AssertionError) as failed:
        keeps(contract, law)
    print(mistake.__name__, str(failed.value).splitlines()[0])


@pytest.mark.parametrize(("contract", "law"), sorted({(c, law) for _m, c, law in MISTAKES}, key=str))
def test_the_type_without_the_mistake_passes(contract, law):
    keeps(contract, law)


def test_there_is_a_mistake_for_every_test_that_a_handler_can_fail():
    laws = {name.removeprefix("test_") for name in dir(toys.TestDeclaredChange) if name.startswith("test_")}
    # Rights are the framework's own: no handler can give them away.
    assert laws - {law for _m, _c, law in MISTAKES} == {"every_verb_is_refused_without_its_right"}
    assert len({law for _m, _c, law in MISTAKES}) >= 10
