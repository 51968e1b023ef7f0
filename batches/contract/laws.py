"""The tests themselves: what holds for every batch type."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from .. import actions, rights
from ..bulk import Said
from ..conf import conf
from ..exceptions import Refused, RunFailed
from ..figures import batch_json, figures
from ..findings import Finding
from ..models import Delivery, Event, Run, Summary, Unreadable
from ..registry import registry
from ..runner import Runner
from ..states import ACTIVE, RowAction, RowStatus, RunKind, Severity, Status
from ..verbs import built_verbs
from ..writes import Piece
from .delivering import DeliverLaws
from .ground import SMALL_PIECE
from .pictures import counted, undone, versions, watched
from .splitting import SplitLaws

# Verbs whose function has another name or wants more than batch and user.
CALLS: dict[str, Any] = {
    "make": lambda batch, user, row: actions.make(registry.for_model(type(batch)).key, user),
    "prepare": lambda batch, user, row: actions.map_columns(batch, user, {}),
    "edit": lambda batch, user, row: actions.edit_row(batch, user, row.pk, {}),
    "add_row": lambda batch, user, row: actions.add_row(batch, user, {}),
    "exclude": lambda batch, user, row: actions.exclude(batch, user, batch.rows.all()),
    "bulk_change": lambda batch, user, row: actions.bulk_change(batch, user, Said("status")),
    "split": lambda batch, user, row: actions.split(batch, user, {"status": "ok"}),
    "export": lambda batch, user, row: actions.export(batch, user, "csv"),
    "include": lambda batch, user, row: actions.include(batch, user, batch.rows.all()),
}


class BatchTypeContract(SplitLaws, DeliverLaws):
    """Inherit this, say the type's `key`, write `make()`, and the type is held to what every type promises."""

    pytestmark = pytest.mark.django_db

    @pytest.fixture
    def user(self, db: None) -> Any:
        """Return a user who may do everything."""
        return self.make_user("contract", superuser=True)

    def test_populated_twice_adds_nothing(self, user: Any) -> None:
        """A filled batch is not filled again, a task delivered twice does nothing, and filling anew gives the same rows."""
        batch = self.made(user)
        before, places = self.rows_picture(batch), versions(batch.rows.all(), self.using)
        _refused(actions.populate, batch, user)
        Runner(_last_run(batch, RunKind.POPULATE), inline=True).go()
        assert versions(batch.rows.all(), self.using) == places, "A populate that came twice wrote rows."
        self.empty(batch)
        self.fill(batch, user)
        assert self.rows_picture(batch) == before, (
            "Filled anew, the batch has other rows; keep nothing on the class or in the module."
        )

    def test_refresh_is_idempotent(self, user: Any) -> None:
        """A second refresh finds nothing to write."""
        batch = self.made(user)
        actions.refresh(batch, user)
        places = versions(batch.rows.all(), self.using)
        actions.refresh(batch, user)
        assert versions(batch.rows.all(), self.using) == places, (
            "The second refresh wrote rows although nothing had changed."
        )

    def test_nothing_changes_before_execute(self, user: Any) -> None:
        """Populate, refresh, exclude and put back write the batch and nothing else."""
        batch = self.made(user)
        self.empty(batch)
        before = self.snapshot()
        with watched(self.using) as written:
            self.fill(batch, user)
            actions.refresh(batch, user)
            actions.exclude(batch, user, batch.rows.filter(sequence=1))
            actions.include(batch, user, batch.rows.filter(sequence=1))
        assert self.snapshot() == before, "Production changed before the batch was executed."
        foreign = sorted(set(written) - self.own_tables())
        assert foreign == [], f"Before the batch was executed these tables were written: {foreign}."

    def test_executed_twice_writes_once(self, user: Any) -> None:
        """A second execute is refused, a task delivered twice does nothing, and so does the hook for rows that it had."""
        batch = self.made(user)
        before, rows = self.snapshot(), list(batch.rows.all())
        run = actions.execute(batch, user)
        after = self.snapshot()
        assert after != before, "Executing the batch changed nothing in production."
        _refused(actions.execute, batch, user)
        Runner(run, inline=True).go()
        assert Run.objects.filter(batch_id=batch.pk, kind=RunKind.EXECUTE).count() == 1
        assert self.snapshot() == after, "A second execute wrote again."
        if self.repeatable:
            for row in rows:
                row.save()
            self.execute_hook(batch, Piece(batch.pk, 1, len(rows)))
            assert self.snapshot() == after, (
                "The same rows given to the execute hook again were written again: set values, do not add to them."
            )

    def test_touched_row_becomes_a_conflict(self, user: Any) -> None:
        """What somebody changed since review is not overwritten; the other rows are written."""
        batch = self.made(user)
        others = batch.rows.count() - 1
        row, thing = self.touched(batch)
        wanted, before = self.values_of(thing), self.snapshot()
        if self.handler_class.on_conflict == "stop":
            with pytest.raises(RunFailed):
                actions.execute(batch, user)
            assert self.snapshot() == before, (
                "A conflict should have stopped everything, but something was written."
            )
            return
        actions.execute(batch, user)
        assert self.values_of(thing) == wanted, f"{thing!r} was changed since review and was overwritten."
        row.refresh_from_db()
        assert row.status == RowStatus.CONFLICT, f"The row of {thing!r} is {row.status!r}, not a conflict."
        assert batch.rows.filter(status=RowStatus.APPLIED).count() == others, (
            "The other rows were not all written."
        )

    def test_every_verb_is_refused_without_its_right(self, user: Any) -> None:
        """Nobody, and nobody with all rights but the verb's, gets past any verb; what rows write needs its rights too."""
        batch = self.made(user)
        row = batch.rows.first()
        nobody = self.make_user("nobody")
        for verb in built_verbs():
            call = CALLS.get(verb.name) or _plain_call(verb.name)
            with undone(self.using):
                if verb.sources and batch.status not in verb.sources:
                    self.put(batch, status=verb.sources[0])
                lacking = [self.permitted(verb.name, without=p) for p in (verb.permission, *verb.also)]
                for person in (nobody, *lacking):
                    reason = rights.missing_right(self.handler(batch), verb.name, person)
                    with watched(self.using) as written:
                        said = _refused(call, batch, person, row)
                    assert said == reason, (
                        f"{verb.name!r} was refused, but with {said!r} instead of {reason!r}."
                    )
                    assert set(written) <= {Event._meta.db_table}, (
                        f"{verb.name!r} was refused, but wrote {written}."
                    )
            batch.refresh_from_db()
        handler = self.handler(batch)
        if handler.targets and handler.effective_rows().exists():
            _refused(actions.execute, batch, self.permitted("execute"))

    def test_queries_do_not_grow_with_rows(self, user: Any) -> None:
        """Ten rows and a thousand cost the same number of statements, unless the type works a row at a time and says so."""
        counts: list[dict[str, list[str]]] = []
        for size in self.sizes:
            with undone(self.using):
                batch = self.made(user, size)
                self.empty(batch)
                counts.append({})
                for verb in (self.fill, actions.refresh, actions.execute):
                    with counted(self.using) as said:
                        verb(batch, user)
                    counts[-1][verb.__name__] = said
        few, many = counts
        allowed = (self.sizes[1] - self.sizes[0]) * self.queries_per_row if self.rows_in_python else 0
        for name in few:
            grown = len(many[name]) - len(few[name])
            repeated = max(many[name], key=many[name].count, default="")
            assert grown <= allowed, (
                f"{name}: {len(few[name])} statements for {self.sizes[0]} rows, {len(many[name])} for {self.sizes[1]};"
                f" the most frequent: {repeated[:300]}"
            )

    def test_pieces_mean_the_same(self, user: Any) -> None:
        """Hooks that get some rows at a time do what they do with all, and touch no other rows."""
        batch = self.made(user, 3 * SMALL_PIECE - 1)
        whole, pieces = self._life(batch, user, conf("PIECE_ROWS")), self._life(batch, user, SMALL_PIECE)
        for name, found in whole.items():
            assert pieces[name] == found, f"In pieces of {SMALL_PIECE} rows, {name} differs."
        first = Piece(batch.pk, 1, SMALL_PIECE)
        with undone(self.using):
            batch.rows.filter(sequence__gt=SMALL_PIECE).delete()
            alone = self.executed(batch, user)
        with undone(self.using):
            self.execute_hook(batch, first)
            assert self.snapshot() == alone, "Given some rows, the execute hook wrote others, or not these."
        with undone(self.using):
            batch.rows.update(issues=None, status=RowStatus.OK, action=RowAction.NONE)
            rest = batch.rows.filter(sequence__gt=SMALL_PIECE)
            places = versions(rest, self.using)
            handler = self.handler(batch)
            handler.refresh(handler.piece_rows(first, effective=False))
            assert versions(rest, self.using) == places, "Given some rows, the refresh hook wrote others."

    def _life(self, batch: Any, user: Any, piece_rows: int) -> dict[str, Any]:
        """Return what a batch's whole life leaves behind, with pieces of that size; then go back."""
        ours = {**getattr(settings, "BATCHES", {}), "PIECE_ROWS": piece_rows}
        with override_settings(BATCHES=ours), undone(self.using):
            self.empty(batch)
            self.fill(batch, user)
            filled = self.rows_picture(batch)
            actions.refresh(batch, user)
            refreshed = self.rows_picture(batch)
            actions.execute(batch, user)
            found = {
                "what populate made": filled,
                "what refresh made": refreshed,
                "the rows' outcome": self.rows_picture(batch),
                "production": self.snapshot(),
            }
        batch.refresh_from_db()
        return found

    def test_fault_in_populate_leaves_nothing(self, user: Any) -> None:
        """Whichever statement of populate fails: the batch is a draft without rows, or it is filled completely."""
        batch = self.made(user)
        full, before = self.rows_picture(batch), self.snapshot()
        self.empty(batch)
        for number, statement in self.faults(batch, "populate", user):
            where = f"after a fault at statement {number}: {statement[:300]}"
            assert self.snapshot() == before, f"Production changed {where}"
            if batch.status == Status.REVIEW:
                assert self.rows_picture(batch) == full, (
                    f"The batch is in review, but with other rows, {where}"
                )
                continue
            assert batch.status == Status.DRAFT, f"The batch is {batch.status!r} {where}"
            assert batch.rows.count() == 0, f"Rows were left {where}"
            assert not Unreadable.objects.filter(batch_id=batch.pk).exists(), (
                f"Unreadable records were left {where}"
            )
            assert not Run.objects.filter(batch_id=batch.pk, state__in=ACTIVE).exists(), (
                f"A run is on {where}"
            )
            self.fill(batch, user)
            assert self.rows_picture(batch) == full, f"Filling it the next time gave other rows {where}"

    def test_fault_in_execute_leaves_all_or_nothing(self, user: Any) -> None:
        """Whichever statement of execute fails: production has all of the batch or nothing, and the next try succeeds."""
        batch = self.made(user)
        before, places = self.snapshot(), versions(batch.rows.all(), self.using)
        earlier, after = batch.status, self.executed(batch, user)
        told = len(self.delivered(batch, user))
        for number, statement in self.faults(batch, "execute", user):
            where = f"after a fault at statement {number}: {statement[:300]}"
            delivered = Delivery.objects.filter(lot__batch=batch.pk).count()
            if batch.status == Status.EXECUTED:
                assert self.snapshot() == after, (
                    f"The batch is executed, but production has not all of it, {where}"
                )
                assert delivered == told, f"The batch is executed, but not all is told, {where}"
                continue
            assert not delivered, f"Something is told that did not happen, {where}"
            assert batch.status == earlier, f"The batch is {batch.status!r} {where}"
            assert self.snapshot() == before, f"Production has a part of the batch {where}"
            assert versions(batch.rows.all(), self.using) == places, f"Rows were written {where}"
            assert not Run.objects.filter(batch_id=batch.pk, state__in=ACTIVE).exists(), (
                f"A run is on {where}"
            )
            actions.execute(batch, user)
            assert self.snapshot() == after, f"The next try wrote something else {where}"

    def test_excluded_rows_never_take_part(self, user: Any) -> None:
        """Executing with a row excluded is executing without it."""

        def leave_out(batch: Any, row: Any) -> None:
            actions.exclude(batch, user, batch.rows.filter(pk=row.pk), reason="contract")

        self._never_takes_part(user, leave_out)

    def test_rows_with_errors_never_take_part(self, user: Any) -> None:
        """Executing with a row that must be fixed is executing without it."""

        def spoil(batch: Any, row: Any) -> None:
            issue = {"code": "contract", "field": "", "severity": str(Severity.ERROR), "message": "Wrong."}
            batch.rows.filter(pk=row.pk).update(status=RowStatus.ERROR, issues=[issue])

        self._never_takes_part(user, spoil)

    def _never_takes_part(self, user: Any, leave_out: Any) -> None:
        batch = self.made(user)
        row = batch.rows.first()
        everything = self.executed(batch, user)
        with undone(self.using):
            batch.rows.filter(pk=row.pk).delete()
            without = self.executed(batch, user)
        assert without != everything, "The first row writes nothing, so that leaving it out cannot be seen."
        leave_out(batch, row)
        actions.execute(batch, user)
        assert self.snapshot() == without, "A row that was left out was written, or others were not."
        row.refresh_from_db()
        assert row.applied_at is None, "A row that was left out counts as written."

    def test_findings_render(self, user: Any) -> None:
        """Every finding that a row has or can have is a sentence."""
        batch = self.made(user)
        handler = self.handler(batch)
        rules: list[Any] = [*handler.all_findings.values(), *handler.unique_rules]
        for rule in rules:
            entry: dict[str, Any] = {"code": rule.code, "field": _field_of(rule)}
            if isinstance(rule, Finding):
                given = rule.params if rule.when is not None else _Anything()
                entry["params"] = dict.fromkeys(given, "1")
                if rule.when is None:
                    # What code gives to flag() is seen on rows only.
                    assert str(rule.message) % _Anything(), f"The finding {rule.code!r} has no message."
                    continue
            _sentence(handler.message(entry), rule.code)
        for row in batch.rows.exclude(issues=None):
            for entry in row.issues:
                _sentence(handler.message(entry), entry["code"])

    def test_looking_changes_nothing(self, user: Any) -> None:
        """The words and figures of a batch can be asked for at any time."""
        batch = self.made(user)
        before = self.snapshot()
        with watched(self.using) as written:
            handler = self.handler(batch, user)
            reason, sentence = handler.why_not_execute(), handler.describe_execution()
            handler.effective_rows().count()
            batch.rows.filter(handler.scope(user)).count()
            handler.options_form()(instance=batch).as_p()
            actions.why_not(batch, "execute", user)
            figures(batch, user)
            batch_json(batch, user)
        assert reason is None, f"make() returned a batch that cannot be executed: {reason}"
        assert str(sentence).strip(), "describe_execution() says nothing."
        assert self.snapshot() == before, "Looking at the batch changed production."
        foreign = sorted(set(written) - {Summary._meta.db_table})
        assert foreign == [], f"Looking at the batch wrote these tables: {foreign}."


class _Anything(dict[str, Any]):
    """Has every key."""

    def __missing__(self, key: str) -> str:
        return key


def _field_of(rule: Any) -> str:
    return str(rule.field if isinstance(rule, Finding) else rule.fields[0])


def _sentence(said: str, code: str) -> None:
    assert said.strip(), f"The finding {code!r} has no message."
    assert said != code, f"The finding {code!r} is explained nowhere."
    assert "%(" not in said, f"The message of the finding {code!r} lacks a parameter: {said!r}."


def _last_run(batch: Any, kind: str) -> Run:
    return Run.objects.filter(batch_id=batch.pk, kind=kind).order_by("pk").last() or pytest.fail(
        "No run was made."
    )


def _plain_call(name: str) -> Any:
    function = getattr(actions, name, None)
    assert function is not None, (
        f"The verb {name!r} is no function of actions; add it to CALLS of batches.contract."
    )
    return lambda batch, user, row: function(batch, user)


def _refused(call: Any, *arguments: Any) -> str:
    """Return the sentence with which a call is refused; that it is not refused fails the test."""
    try:
        call(*arguments)
    except Refused as refused:
        return str(refused)
    raise AssertionError(f"{getattr(call, '__name__', call)} was not refused.")
