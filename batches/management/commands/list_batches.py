"""List batches."""

import json
from argparse import ArgumentParser
from typing import Any

from batches.registry import registry
from batches.states import Status

from ._base import BatchCommand, count


class Command(BatchCommand):
    help = "List batches, newest first."
    needs_user = False

    def add_own_arguments(self, parser: ArgumentParser) -> None:
        """Add the filters."""
        parser.add_argument("--type", help="Only batches of this type.")
        parser.add_argument("--status", choices=Status.values, help="Only batches in this state.")
        parser.add_argument("--limit", type=count, default=100, help="Batches at most (100).")

    def work(self, options: dict[str, Any]) -> None:
        """Print a line or an object a batch."""
        handlers = [registry.get(options["type"])] if options["type"] else registry.all()
        found: list[dict[str, Any]] = []
        for handler in handlers:
            batches = handler.model._default_manager.order_by("-ref")
            if options["status"]:
                batches = batches.filter(status=options["status"])
            for batch in batches[: options["limit"]]:
                found.append(
                    {
                        "number": batch.pk,
                        "type": handler.key,
                        "status": batch.status,
                        "description": batch.description,
                        "created": batch.created.isoformat(),
                        "created_by": batch.created_by_name,
                        "executed": batch.executed.isoformat() if batch.executed else None,
                        "executed_by": batch.executed_by_name,
                    }
                )
        found = sorted(found, key=lambda b: -b["number"])[: options["limit"]]
        if options["as_json"]:
            self.stdout.write(json.dumps(found, ensure_ascii=False))
            return
        for line in found:
            self.stdout.write(
                f"{line['number']:08d}  {line['type']:16} {line['status']:10} {line['created_by']:12} {line['description']}"
            )
