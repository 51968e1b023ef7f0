"""Open what a caller hands over: a path, or a binary file object such as Django's."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from .messages import refusal

Source = Any  # str | os.PathLike | a binary file object with read() and seek()

BLOCK = 1 << 18


@contextmanager
def opened(source: Source) -> Iterator[BinaryIO]:
    """Give `source` as a binary file at its beginning; only what was opened here is closed here."""
    if isinstance(source, str | os.PathLike):
        with open(source, "rb") as file:
            yield file
    else:
        if getattr(source, "closed", False) and hasattr(source, "open"):
            source.open("rb")
        source.seek(0)
        yield source


def size_of(file: BinaryIO) -> int:
    """Return the number of bytes in `file`, and leave it at its beginning."""
    size = file.seek(0, os.SEEK_END)
    if size is None:  # Django's file proxies return nothing
        size = file.tell()
    file.seek(0)
    return size


def escape_bytes(error: UnicodeError) -> tuple[str, int]:
    """Turn each byte that cannot be decoded into a lone surrogate, which no valid text contains."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in bad), error.end


codecs.register_error("batches.escape", escape_bytes)


class Transcoded:
    """Read UTF-16 or UTF-32 as UTF-8; what cannot be decoded stays undecodable in UTF-8 too."""

    def __init__(self, file: BinaryIO, encoding: str, name: str) -> None:
        self.file = file
        self.encoding = encoding
        self.name = name
        self.decoder = codecs.getincrementaldecoder(encoding)("batches.escape")
        self.done = False

    def read(self, size: int = BLOCK) -> bytes:
        """Return the next bytes, or b"" at the end."""
        while not self.done:
            data = self.file.read(size)
            self.done = not data
            try:
                text = self.decoder.decode(data, final=self.done)
            except UnicodeError as error:  # no byte order mark
                raise refusal("bad_encoding", name=self.name, value=self.encoding) from error
            if text:
                return text.encode("utf-8", "surrogatepass")
        return b""
