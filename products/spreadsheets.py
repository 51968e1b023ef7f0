"""Import and export pages that stream what they send, harmless in a spreadsheet, and leave no upload behind."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.core.exceptions import SuspiciousOperation, ValidationError
from django.db.models import QuerySet
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.utils.http import content_disposition_header
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from import_export.admin import ImportExportModelAdmin
from import_export.formats.base_formats import CSV, XLSX
from import_export.forms import ImportForm
from import_export.signals import post_export
from import_export.tmp_storages import TempFolderStorage

from batches.exceptions import FileRefused
from batches.files import csv_chunks, write_xlsx
from batches.files.guard import unguard

PREFIX = "batchsite-import-"
OWN = re.compile(rf"{PREFIX}[a-z0-9_]+").fullmatch
KEPT_SECONDS = 3600
MAX_IMPORT_BYTES = 5 * 1024 * 1024
SPOOLED = 1 << 20


class WaitingUpload(TempFolderStorage):
    """An upload between the look at it and its import; one that nobody confirmed is removed at the next upload, an hour later."""

    def save(self, data: bytes) -> None:
        """Keep the content under a generated name."""
        self._forget_the_old()
        with tempfile.NamedTemporaryFile(prefix=PREFIX, delete=False) as file:
            file.write(data)
        self.name = os.path.basename(file.name)

    def get_full_path(self) -> str:
        """Return where it lies: nobody can name another file."""
        if not OWN(self.name):
            raise SuspiciousOperation(f"{self.name!r} is no upload.")
        return os.path.join(tempfile.gettempdir(), self.name)

    def _forget_the_old(self) -> None:
        for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            with suppress(OSError):  # another request may be quicker
                if time.time() - path.stat().st_mtime > KEPT_SECONDS:
                    path.unlink()


class SmallImportForm(ImportForm):
    """The form of an import, which is read into memory and looked at within one request: large files are for batches."""

    def clean_import_file(self) -> Any:
        """Refuse a large file before it is read."""
        file = self.cleaned_data["import_file"]
        if file.size > MAX_IMPORT_BYTES:
            raise ValidationError(
                _(
                    "The file has %(size)d bytes; at most %(limit)d are imported here. Make a batch of it instead."
                )
                % {"size": file.size, "limit": MAX_IMPORT_BYTES}
            )
        return file


class SpreadsheetAdmin(ImportExportModelAdmin):
    """Import and export: the latter holds in memory neither the rows nor the file that it makes."""

    tmp_storage_class = WaitingUpload
    import_form_class = SmallImportForm

    def import_action(self, request: HttpRequest, **kwargs: Any) -> Any:
        """Show what an import would do; an upload that cannot be confirmed is removed at once."""
        answer = super().import_action(request, **kwargs)
        upload = request.FILES.get("import_file")
        name = getattr(upload, "tmp_storage_name", None)
        if name and not (getattr(answer, "context_data", None) or {}).get("confirm_form"):
            WaitingUpload(name=name).remove()
        return answer

    def process_import(self, request: HttpRequest, **kwargs: Any) -> Any:
        """Import what was confirmed."""
        try:
            return super().process_import(request, **kwargs)
        except FileNotFoundError:
            messages.error(request, _("The upload is no longer there; upload the file again."))
            return HttpResponseRedirect(request.path.replace("process_import", "import"))

    def get_export_filename(self, request: HttpRequest, queryset: QuerySet, file_format: Any) -> str:
        """Return a name that says as of when."""
        return f"{self.model.__name__}-{localtime():%Y-%m-%d-%H%M}.{file_format.get_extension()}"

    def _do_file_export(
        self, file_format: Any, request: HttpRequest, queryset: QuerySet, export_form: Any = None
    ) -> HttpResponseBase:
        if not isinstance(file_format, CSV | XLSX):
            answer = super()._do_file_export(file_format, request, queryset, export_form)
        else:
            resource = self.choose_export_resource_class(export_form, request)(
                **self.get_export_resource_kwargs(request, export_form=export_form)
            )
            answer = self._streamed(file_format, resource, resource.filter_export(queryset))
            post_export.send(sender=None, model=self.model)
        name = self.get_export_filename(request, queryset, file_format)
        answer["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
        answer["X-Content-Type-Options"] = "nosniff"
        return answer

    def _streamed(self, file_format: Any, resource: Any, queryset: QuerySet) -> HttpResponseBase:
        kind, headings = file_format.get_content_type(), resource.get_export_headers()
        rows = exported(resource, queryset)
        if isinstance(file_format, CSV):
            return StreamingHttpResponse(csv_chunks(headings, rows), content_type=f"{kind}; charset=utf-8")
        out: Any = tempfile.SpooledTemporaryFile(max_size=SPOOLED)  # noqa: SIM115 - the response closes it
        try:
            write_xlsx(headings, rows, out)
        except FileRefused as error:
            out.close()
            raise ValueError(str(error)) from error  # which the export page shows
        except BaseException:
            out.close()
            raise
        out.seek(0)
        return FileResponse(out, content_type=kind)


def exported(resource: Any, queryset: QuerySet) -> Iterator[list[Any]]:
    """Yield the cells of each object: numbers as numbers, text bare, as the writers guard it in their own way."""
    fields = resource.get_export_fields()
    for found in resource.iter_queryset(queryset):
        cells = [resource.export_field(field, found, force_native_type=True) for field in fields]
        yield [unguard(cell) if isinstance(cell, str) else cell for cell in cells]
