"""Random verbs by people with different rights, and random edits of production, against a model in memory of what must be.

After every step production, states and rows of the real database are compared with those of the model.
"""

from collections import Counter
from decimal import Decimal
from typing import Any

from django.conf import settings as site
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import override_settings
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from batches import actions, journal
from batches.bulk import Said
from batches.exceptions import Forbidden, Refused
from batches.models import Run
from batches.registry import find_batch
from batches.runner import resume
from batches.verbs import VERB
from tests.toys.batches import PriceHandler
from tests.toys.models import Thing, ThingEvent

from ..harness import AtStep
from .ground import boss, changed, clear
from .model import Model, Row
from .report import Report

# (lives that are played, steps of each)
SIZES = {"small": (5, 12), "ci": (25, 20), "long": (400, 30)}
CHUNK = 2
RIGHTS = {
    "clerk": {"view", "add", "change", "withdraw"},
    "executor": {"view", "execute", "revert"},
    "stranger": set(),
}
USERS = st.sampled_from(["boss", "boss", "boss", "clerk", "clerk", "executor", "stranger"])
MAKERS = st.sampled_from(["boss", "clerk", "clerk", "executor"])
DOERS = st.sampled_from(["boss", "boss", "executor", "executor", "clerk"])
NUMBER = st.integers(0, 9)
PRICE = st.integers(1, 60)
# By what the prices are multiplied, and whether the batch is executed in chunks.
KIND = st.tuples(st.sampled_from([2, 2, 3, 1]), st.booleans())
HOW = st.sampled_from(["at once", "by a worker", "stopped early", "paused", "stopped after a chunk"])
some_batch = precondition(lambda self: bool(getattr(self, "made", None)))


class Lives(RuleBasedStateMachine):
    """The verbs, each done in the database and in the model."""

    done: Counter[str] = Counter()

    @initialize(prices=st.lists(PRICE, min_size=3, max_size=6), kinds=st.lists(KIND, min_size=2, max_size=3))
    def begin(self, prices: list[int], kinds: list[tuple[int, bool]]) -> None:
        clear()
        self.users = {name: get_user_model().objects.get(username=name) for name in ("boss", *RIGHTS)}
        self.things: dict[str, list[Any]] = {}
        self.made: list[Model] = []
        for n, price in enumerate(prices):
            self.put(n, price)
        for factor, chunked in kinds:
            self.make("boss", (factor, chunked))

    # ---- what others do to production

    @rule(n=NUMBER, price=PRICE)
    def put(self, n: int, price: int) -> None:
        code = f"M{n}"
        with journal.acting("mary"):
            if code in self.things:
                Thing.objects.filter(code=code).update(price=price)
                self.things[code][1] = Decimal(price)
            else:
                self.things[code] = [Thing.objects.create(code=code, price=Decimal(price)).pk, Decimal(price)]

    @rule(n=NUMBER)
    def take_away(self, n: int) -> None:
        if self.things.pop(f"M{n}", None):
            with journal.acting("mary"):
                Thing.objects.filter(code=f"M{n}").delete()

    # ---- verbs

    def told(self, verb: str, user: str, possible: bool, work: Any) -> bool:
        """Do a verb, and make sure that it is refused exactly where it must be; return whether it was done."""
        allowed = user == "boss" or VERB[verb].permission in RIGHTS[user]
        try:
            work(self.users[user])
            done, reason = True, ""
        except Forbidden:
            done, reason = False, "forbidden"
        except Refused as refused:
            done, reason = False, str(refused)
        assert (reason == "forbidden") != allowed, f"{verb} by {user}: {reason}"
        assert done == (allowed and possible), (
            f"{verb} by {user}: done {done} ({reason}), must be {allowed and possible}"
        )
        self.done[f"{verb}{'' if done else ' refused'}"] += 1
        return done

    def some(self, n: int) -> Model:
        return self.made[n % len(self.made)]

    @rule(user=MAKERS, kind=KIND)
    def make(self, user: str, kind: tuple[int, bool]) -> None:
        factor, chunked = kind
        found: list[Any] = []

        def work(who: Any) -> None:
            batch = actions.make("toy_price", who, options={"factor": str(factor)})
            actions.populate(batch, who)
            found.append(batch)

        if self.told("make", user, True, work):
            model = Model(found[0].pk, chunked, "review")
            for number, code in enumerate(sorted(self.things), 1):
                model.rows.append(Row(number, code, self.things[code][1] * factor))
            self.check(model.rows)
            self.made.append(model)

    def check(self, rows: list[Row]) -> None:
        """Do to rows what a check does: find the thing, remember its price, judge."""
        for row in rows:
            row.thing, row.base = self.things.get(row.code, (None, None))
            if row.base is None or row.new > 9_000:
                row.status = "error"
            else:
                row.status = (
                    "unchanged" if row.new == row.base else "warning" if row.new > row.base * 2 else "ok"
                )

    @some_batch
    @rule(n=NUMBER, user=USERS, k=NUMBER, price=PRICE)
    def edit(self, n: int, user: str, k: int, price: int) -> None:
        model = self.some(n)
        if not model.rows:
            return
        row = model.rows[k % len(model.rows)]
        batch = find_batch(model.pk)
        pk = batch.rows.get(sequence=row.number).pk
        work = lambda who: actions.edit_row(batch, who, pk, {"new_price": str(price)})  # noqa: E731
        if self.told("edit", user, model.status == "review", work) and row.new != price:
            row.new = Decimal(price)
            self.check([row])

    @some_batch
    @rule(n=NUMBER, user=USERS, numbers=st.sets(st.integers(1, 8), min_size=1), removed=st.booleans())
    def set_removed(self, n: int, user: str, numbers: set[int], removed: bool) -> None:
        model = self.some(n)
        batch = find_batch(model.pk)
        verb = actions.exclude if removed else actions.include
        rows = PriceHandler(batch).rows().filter(sequence__in=numbers)
        if self.told(verb.__name__, user, model.status == "review", lambda who: verb(batch, who, rows)):
            for row in model.rows:
                if row.number in numbers and row.before:
                    row.removed = removed

    @some_batch
    @rule(n=NUMBER, user=USERS, amount=st.integers(1, 9))
    def bulk_change(self, n: int, user: str, amount: int) -> None:
        model = self.some(n)
        batch = find_batch(model.pk)
        work = lambda who: actions.bulk_change(batch, who, Said("new_price", "amount", str(amount)))  # noqa: E731
        if self.told("bulk_change", user, model.status == "review" and bool(model.rows), work):
            for row in model.rows:
                row.new += amount
            self.check(model.rows)

    @some_batch
    @rule(n=NUMBER, user=USERS)
    def refresh(self, n: int, user: str) -> None:
        model = self.some(n)
        if self.told(
            "refresh", user, model.status == "review", lambda who: actions.refresh(find_batch(model.pk), who)
        ):
            self.check(model.rows)

    @some_batch
    @rule(
        n=NUMBER,
        user=DOERS,
        how=HOW,
    )
    def execute(self, n: int, user: str, how: str) -> None:
        model = self.some(n)
        possible = model.status == "review" and any(row.pending for row in model.rows)
        batch = find_batch(model.pk)
        with changed(PriceHandler, atomic=not model.chunked):
            done = self.told("execute", user, possible, lambda who: self.carry_out(batch, who, how))
        if not done or how == "stopped early":
            return
        whole = how != "stopped after a chunk" or not model.chunked
        self.write(model, [row for row in model.rows if whole or row.number <= CHUNK])
        model.status = "executed"

    def carry_out(self, batch: Any, who: Any, how: str) -> None:
        """Execute, with what happens on the way."""
        if how == "at once" or (how == "stopped after a chunk" and PriceHandler.atomic):
            actions.execute(batch, who)
            return
        if how == "stopped after a chunk":
            stop = AtStep(lambda: actions.stop(find_batch(batch.pk), self.users["boss"]), 1)
            with connection.execute_wrapper(stop):
                actions.execute(batch, who)
            return
        run = actions.start(batch, "execute", who)
        if how == "stopped early":
            actions.stop(batch, self.users["boss"])
        elif how == "paused" and not PriceHandler.atomic:
            actions.pause(batch, self.users["boss"])
            assert resume(run.pk) is None
            actions.resume(batch, self.users["boss"])
        resume(run.pk)

    def write(self, model: Model, rows: list[Row]) -> None:
        """Do to production what writing rows does."""
        for row in rows:
            if not row.pending:
                continue
            thing = self.things.get(row.code)
            if thing is None or thing[0] != row.thing or thing[1] not in (row.base, row.new):
                row.status = "conflict"
                continue
            if thing[1] != row.new:
                model.wrote[row.thing] = (thing[1], row.new)
                thing[1] = row.new
            row.status = "applied"

    @some_batch
    @rule(n=NUMBER, user=DOERS)
    def go_on(self, n: int, user: str) -> None:
        model = self.some(n)
        batch = find_batch(model.pk)
        possible = model.status == "executed" and any(row.pending for row in model.rows)

        def work(who: Any) -> None:
            actions.work(batch, actions.resume(batch, who, own=True))

        with changed(PriceHandler, atomic=not model.chunked):
            if self.told("resume", user, possible, work):
                self.write(model, model.rows)

    @some_batch
    @rule(n=NUMBER, user=DOERS)
    def close(self, n: int, user: str) -> None:
        model = self.some(n)
        left = [row for row in model.rows if row.pending or (row.status == "conflict" and not row.removed)]
        possible = model.status == "executed" and bool(left)
        if self.told(
            "close", user, possible, lambda who: actions.close(find_batch(model.pk), who, reason="over")
        ):
            for row in left:
                row.status = "left"

    @some_batch
    @rule(n=NUMBER, user=DOERS)
    def revert(self, n: int, user: str) -> None:
        model = self.some(n)
        written = [row for row in model.rows if row.status == "applied"]
        possible = model.status == "executed" and bool(written)
        if not self.told("revert", user, possible, lambda who: actions.revert(find_batch(model.pk), who)):
            return
        model.status = "reverted"
        for row in written:
            row.status = "reverted"
            if row.thing in model.wrote:
                base, after = model.wrote[row.thing]
                thing = self.things.get(row.code)
                if thing is None or thing[0] != row.thing or thing[1] != after:
                    row.status = "kept"
                else:
                    thing[1] = base

    @some_batch
    @rule(n=NUMBER, how=HOW, edits=st.lists(st.tuples(NUMBER, PRICE), max_size=3), last=HOW)
    def live_long(self, n: int, how: str, edits: list[tuple[int, int]], last: str) -> None:
        """Most random lives end early; this one comes to its undo, with edits before and after the execution."""
        self.execute(n, "boss", how)
        for k, price in edits:
            self.put(k, price)
        if last == "at once":
            self.go_on(n, "boss")
        self.revert(n, "boss")

    @some_batch
    @rule(n=NUMBER, user=USERS, delete=st.booleans())
    def give_up(self, n: int, user: str, delete: bool) -> None:
        model = self.some(n)
        verb = actions.delete if delete else actions.withdraw
        possible = model.status in ("review", "withdrawn") if delete else model.status == "review"
        if self.told(verb.__name__, user, possible, lambda who: verb(find_batch(model.pk), who)):
            model.status = "withdrawn"
            if delete:
                self.made.remove(model)

    # ---- what must hold

    @invariant()
    def all_is_as_it_must_be(self) -> None:
        if not hasattr(self, "things"):
            return
        assert dict(Thing.objects.values_list("code", "price")) == {
            c: p for c, (_pk, p) in self.things.items()
        }
        for model in self.made:
            batch = find_batch(model.pk)
            assert batch.status == model.status, f"batch {model.pk}"
            found = list(batch.rows.values_list("sequence", "code", "new_price", "status", "removed"))
            assert found == [(r.number, r.code, r.new, r.status, r.removed) for r in model.rows]

    def teardown(self) -> None:
        for model in getattr(self, "made", []):
            runs = Run.objects.filter(batch_id=model.pk, kind="execute").values_list("pk", flat=True)
            events = Counter(ThingEvent.objects.filter(pgh_run__in=list(runs)).values_list("id", flat=True))
            assert events == Counter(list(model.wrote)), f"batch {model.pk}: what the journal says it wrote"
            self.done["things written"] += len(model.wrote)


def _people() -> None:
    boss()
    users = get_user_model().objects
    for name, rights in RIGHTS.items():
        user = users.filter(username=name).first() or users.create_user(name, password=name, is_staff=True)
        names = [f"{right}_pricebatch" for right in rights] + ["change_thing"] * (name == "executor")
        user.user_permissions.set(
            Permission.objects.filter(codename__in=names, content_type__app_label="toys")
        )


def trial(size: str, number: int) -> Report:
    """Play lives until one is not as the model says, then look for the shortest that is not."""
    lives, steps = SIZES[size]
    report = Report("random_verbs", number)
    options = settings(
        max_examples=lives,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink] if size == "long" else [Phase.generate],
    )
    _people()
    Lives.done = Counter()
    quick = {"CHUNK_MIN_ROWS": CHUNK, "CHUNK_MAX_ROWS": CHUNK, "PIECE_ROWS": CHUNK, "LEASE_SECONDS": 20.0}
    with report.timed(), override_settings(BATCHES=site.BATCHES | quick):
        try:
            run_state_machine_as_test(seed(number)(Lives), settings=options)
        except AssertionError as error:
            notes = "\n".join(getattr(error, "__notes__", []))
            report.must(False, f"the database is not as the model: {error}\n{notes}")
    report.applied = Lives.done.pop("things written", 0)
    report.count("lives", lives)
    done = sum(n for name, n in Lives.done.items() if not name.endswith("refused"))
    report.count("verbs done", done)
    report.count("verbs refused", Lives.done.total() - done)
    return report
