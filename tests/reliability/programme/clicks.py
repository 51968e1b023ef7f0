"""Fifty clients press Execute at once: one run, whichever way they come."""

import os
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.db import connection, connections
from django.test import Client, override_settings
from django.urls import reverse

from batches import actions
from batches.exceptions import Refused
from batches.models import Run
from batches.registry import find_batch
from batches.runner import resume
from batches.testing import make_batch
from tests.toys.models import Thing, ThingEvent

from ..harness import ended, spawn
from .ground import boss, clear
from .report import Report

CLIENTS = 50
THINGS = 20
SIZES = {"small": 2, "ci": 10, "long": 100}


def trial(size: str, seed: int) -> Report:
    """Let browsers and processes press in turn."""
    report = Report("clicks", seed)
    with report.timed(), override_settings(ALLOWED_HOSTS=["*"]):
        for number in range(SIZES[size]):
            clear()
            user = boss()
            Thing.objects.bulk_create([Thing(code=f"C{i}", price=Decimal(i)) for i in range(1, THINGS + 1)])
            batch = make_batch("toy_price", user=user, options={"factor": "2"})
            outcomes = (_browsers if number % 2 else _processes)(batch, user)
            report.count("rounds")
            report.count("clicks", len(outcomes))
            odd = [text for text in outcomes if text not in ("won", "refused")]
            report.must_be(odd, [], f"batch {batch.pk}: what clients met besides yes and no")
            report.must_be(outcomes.count("won"), 1, f"batch {batch.pk}: clients that were told yes")
            runs = list(Run.objects.filter(batch_id=batch.pk, kind="execute"))
            report.must_be(len(runs), 1, f"batch {batch.pk}: runs")
            for run in runs:
                resume(run.pk)
            _audit(batch, [run.pk for run in runs], report)
    return report


def _audit(batch: Any, runs: list[int], report: Report) -> None:
    prices = [int(p) for p in Thing.objects.order_by("pk").values_list("price", flat=True)]
    report.must_be(prices, [2 * i for i in range(1, THINGS + 1)], f"batch {batch.pk}: prices")
    events = ThingEvent.objects.filter(pgh_run__in=runs).count()
    report.applied += min(events, THINGS)
    report.lose(max(THINGS - events, 0), f"batch {batch.pk}, things")
    report.double(max(events - THINGS, 0), f"batch {batch.pk}, things")


def _browsers(batch: Any, user: Any) -> list[str]:
    """Post the confirmation from threads, each logged in and with a connection of its own; return what each was told."""
    url = reverse("batches:execute", args=[batch.pk])
    clients = [Client() for _ in range(CLIENTS)]
    clients[0].force_login(user)
    for client in clients:
        client.cookies = clients[0].cookies.copy()

    def press(n: int) -> str:
        answer = clients[n].post(url, {"revision": batch.revision, "number": THINGS})
        if answer.status_code >= 500:
            return f"status {answer.status_code}"
        # Who was first is sent to the page without a word, the others are told why not.
        told = "messages" in answer.cookies or answer.status_code in (200, 409)
        return "refused" if told else "won"

    return _together(press)


def _together(press: Callable[[int], str]) -> list[str]:
    barrier = threading.Barrier(CLIENTS)
    outcomes: list[str] = []

    def run(n: int) -> None:
        try:
            connection.ensure_connection()
            barrier.wait()
            outcomes.append(press(n))
        except Exception as error:
            outcomes.append(repr(error))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[n]) for n in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def _processes(batch: Any, user: Any) -> list[str]:
    """Execute in processes that all wait for one pipe to be closed; return what each met."""
    go, closing = os.pipe()
    told, telling = os.pipe()

    def press() -> None:
        os.close(closing)
        mine = find_batch(batch.pk)
        os.read(go, 1)
        try:
            actions.execute(mine, user)
            word = "won"
        except Refused:
            word = "refused"
        except Exception as error:
            word = repr(error)[:200].replace("\n", " ")
        os.write(telling, f"{word}\n".encode())

    pids = [spawn(press) for _ in range(CLIENTS)]
    os.close(closing)
    for pid in pids:
        ended(pid)
    os.close(telling)
    os.close(go)
    with os.fdopen(told) as lines:
        return lines.read().splitlines()
