"""Show one batch."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from batches.actions import handler_of
from batches.figures import batch_json
from batches.models import BatchBase
from batches.states import RowStatus

from ._base import NumberCommand, count, lines

LOOKS = 5


class Command(NumberCommand):
    help = "Show a batch: counts, findings, unreadable records, last run; with --rows also its rows."
    needs_user = False

    def add_own_arguments(self, parser: ArgumentParser) -> None:
        """Add the options about rows."""
        parser.add_argument("--rows", action="store_true", help="Show rows too.")
        parser.add_argument("--status", choices=RowStatus.values, help="Only rows that stand so.")
        parser.add_argument("--limit", type=count, default=100, help="Rows at most (100).")

    def work(self, options: dict[str, Any]) -> None:
        """Print the batch."""
        batch, data = self.looked_at(options)
        if options["rows"]:
            handler = handler_of(batch)
            rows = handler.rows()
            if options["status"]:
                rows = rows.filter(status=options["status"])
            data["row_list"] = [self.row(handler, row) for row in rows[: options["limit"]].iterator()]
        if options["as_json"]:
            self.stdout.write(json.dumps(data, ensure_ascii=False, cls=DjangoJSONEncoder))
            return
        for line in lines(batch, data):
            self.stdout.write(line)
        for row in data.get("row_list", []):
            text = "; ".join(row["issues"])
            self.stdout.write(f"{row['row']:>8}  {row['status']:9} {row['action']:9} {row['values']} {text}")

    def looked_at(self, options: dict[str, Any]) -> tuple[BatchBase, dict[str, Any]]:
        """Return the batch and its figures as they were at one moment: looked at again if it moved meanwhile."""
        for _time in range(LOOKS):
            batch = self.batch(options)
            data = batch_json(batch)
            fresh = self.batch(options)
            if (fresh.status, fresh.revision) == (batch.status, batch.revision):
                break
        return batch, data

    def row(self, handler: Any, row: Any) -> dict[str, Any]:
        """Return one row as it is printed."""
        return {
            "row": row.sequence,
            "source_row": row.source_row,
            "status": row.status,
            "action": row.action,
            "excluded": row.removed,
            "reason": row.removed_reason,
            "raw": row.raw or {},
            "values": {
                name: getattr(row, name)
                for name in handler.grid
                if not handler.row_model._meta.get_field(name).is_relation
            },
            "issues": [handler.message(entry) for entry in row.issues or []],
        }
