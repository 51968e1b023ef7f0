"""UPDATE … FROM: change production from rows, set-based."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Func, JSONField, TextField, Value
from django.db.models.functions import Cast, Coalesce, JSONObject

from .. import sql
from ..sql import Sql
from ..states import Severity


def update_targets(
    using: str, targets: models.QuerySet, rows: models.QuerySet, on: dict[str, str], fields: dict[str, Any]
) -> int:
    """Write fields of targets from rows; what would not change is skipped. Returns the objects written."""
    model = targets.model
    wanted = {
        f"v{n}": F(value) if isinstance(value, str) else value for n, value in enumerate(fields.values())
    }
    keys = {f"k{n}": F(value) for n, value in enumerate(on.values())}
    source = sql.compiled(rows.order_by().annotate(**keys, **wanted).values_list(*keys, *wanted), using)
    heads = ", ".join([*keys, *wanted])
    columns = [model._meta.get_field(name).column for name in fields]
    on_columns = [
        model._meta.pk.column if name == "pk" else model._meta.get_field(name).column for name in on
    ]
    sets = ", ".join(f"{sql.quote(c)} = s.{alias}" for c, alias in zip(columns, wanted, strict=True))
    sets += "".join(
        f", {sql.quote(f.column)} = statement_timestamp()"
        for f in model._meta.concrete_fields
        if getattr(f, "auto_now", False)
    )
    join = " AND ".join(f"t.{sql.quote(c)} = s.{alias}" for c, alias in zip(on_columns, keys, strict=True))
    differs = " OR ".join(
        f"t.{sql.quote(c)} IS DISTINCT FROM s.{alias}" for c, alias in zip(columns, wanted, strict=True)
    )
    text = f"UPDATE {sql.table(model)} t SET {sets} FROM ({source.text}) AS s({heads}) WHERE {join} AND ({differs})"
    return sql.run(using, Sql(text, source.params))


def appended(code: str, field: str, params: dict[str, Any]) -> Func:
    """Return the expression of a row's findings with one more; `params` are row fields or expressions."""
    shown = {
        name: Cast(F(value) if isinstance(value, str) else value, TextField())
        for name, value in params.items()
    }
    parts = {"code": Value(code), "field": Value(field), "severity": Value(str(Severity.ERROR))}
    entry = JSONObject(**parts, params=JSONObject(**shown))
    return Func(
        Coalesce(F("issues"), Value([], JSONField())),
        Func(entry, function="jsonb_build_array"),
        template="(%(expressions)s)",
        arg_joiner=" || ",
        output_field=JSONField(),
    )
