"""Take uploads in: of a file that is too large, or that a stranger sends, nothing is stored."""

from __future__ import annotations

import io
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopFutureHandlers

from .conf import conf

# What a form has besides its file.
FORM_BYTES = 1 << 20


class LimitedUpload(FileUploadHandler):
    """The first of a site's `FILE_UPLOAD_HANDLERS`: it passes a file on to the others only if it may be stored.

    Otherwise the file's content is read and dropped, so that the browser gets its answer: the page says that the file is too
    large. Forms are parsed before a page can look who asks for it, so it is done here.
    """

    too_large = False
    refused = False

    def handle_raw_input(
        self,
        input_data: Any,
        meta: dict[str, Any],
        content_length: int,
        boundary: Any,
        encoding: Any = None,
    ) -> None:
        """Note whether what is announced can be a file that is read."""
        self.too_large = content_length > conf("MAX_FILE_BYTES") + FORM_BYTES

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Decide; where the file is refused, no other handler hears of it."""
        super().new_file(*args, **kwargs)
        user = getattr(self.request, "user", None)
        self.refused = self.too_large or (user is not None and not user.is_authenticated)
        if self.refused:
            raise StopFutureHandlers

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        """Drop the content or pass it on."""
        return None if self.refused else raw_data

    def file_complete(self, file_size: int) -> UploadedFile | None:
        """Return a file that has a size but nothing in it, or leave it to the others."""
        if not self.refused:
            return None
        return UploadedFile(io.BytesIO(), self.file_name, self.content_type, file_size, self.charset)
