"""Read CSV strictly: each record right, or unreadable with its place and reason; never guessed."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Callable, Generator, Iterator
from functools import lru_cache
from typing import Any, BinaryIO, NamedTuple

from .messages import BadRecord, refusal, shorten
from .sources import BLOCK, Transcoded

MAX_CELL = csv.field_size_limit()
MAX_RECORD = 1 << 20  # characters
SURROGATE = re.compile("[\udc00-\udcff]")
WIDE = {"utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"}

Record = tuple[int, list[str]]


class Grammar(NamedTuple):
    """Patterns of one delimiter: a whole record, and one whose last quote is open."""

    whole: re.Pattern[str]
    open: re.Pattern[str]
    good_cells: re.Pattern[str]


@lru_cache
def grammar(delimiter: str) -> Grammar:
    """Return the patterns of `delimiter`; possessive, so that no text can make them slow."""
    d = re.escape(delimiter)
    quoted = r'"[^"]*+(?:""[^"]*+)*+'
    cell = rf'(?:{quoted}"|[^"{d}\r\n]*+)'
    return Grammar(
        whole=re.compile(rf"{cell}(?:{d}{cell})*+"),
        open=re.compile(rf"(?:{cell}{d})*+{quoted}"),
        good_cells=re.compile(rf"(?:{cell}{d})*+"),
    )


def printable(text: str) -> str:
    """Return `text` with undecodable bytes and NUL written out, so that it can be stored and shown."""
    text = SURROGATE.sub(lambda found: f"\\x{ord(found[0]) - 0xDC00:02X}", text)
    return text.replace("\0", "\\x00")


class Delimited:
    """Stream the records of a delimited file.

    `width` None takes records of any width. `on_bad` gets each BadRecord. `blank` and `seen` (good, bad and
    blank records) are exact when the iteration has ended.
    """

    def __init__(
        self,
        file: BinaryIO,
        encoding: str,
        delimiter: str,
        name: str,
        on_bad: Callable[[BadRecord], Any],
        width: int | None = None,
        start: int = 1,
    ) -> None:
        codec = codecs.lookup(encoding).name
        self._raw = file
        self.file: Any = Transcoded(file, encoding, name) if codec in WIDE else file
        self.encoding = "utf-8" if codec in WIDE or codec == "utf-8-sig" else codec
        self.shown_encoding = encoding
        self.delimiter = delimiter
        self.name = name
        self.on_bad = on_bad
        self.width = width
        self.start = start
        self.line = 1
        self.blank = 0
        self.seen = 0
        self.grammar = grammar(delimiter)
        self._stack: list[str] = []
        self._csv = csv.reader(iter(self._stack.pop, None), delimiter=delimiter, strict=True)

    def records(self) -> Iterator[Record]:
        """Yield (line, cells) of each good record that begins at `start` or below."""
        pending, doubtful = "", False
        for text, careful in self._texts():
            if pending:
                text, careful = pending + text, careful or doubtful
            if not careful and '"' not in text and self.line > self.start and self.width is not None:
                yield from self._plain(text)
                pending = ""
                continue
            pending, doubtful = (yield from self._careful(text, careful)), careful
        if pending:
            self._refuse_open(pending)

    def _plain(self, text: str) -> Iterator[Record]:
        """Yield the records of a text without quotes, where each line is a record."""
        delimiter, width = self.delimiter, self.width
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        line = self.line
        self.line += len(lines)
        self.seen += len(lines)
        for number, text in enumerate(lines, line):
            cells = text.split(delimiter)
            first = cells[0]
            if (not first or first.isspace()) and not "".join(cells).strip():
                self.blank += 1
            elif width is None or len(cells) == width:
                yield number, cells
            else:
                self._bad_width(number, text, cells)

    def _careful(self, text: str, careful: bool) -> Generator[Record, None, str]:
        """Yield the records of a text with quotes or doubtful characters; return what is still open."""
        lines = text.split("\n")
        ended = not lines[-1]
        if ended:
            lines.pop()
        delimiter, width, whole = self.delimiter, self.width, self.grammar.whole.fullmatch
        push, parse = self._stack.append, self._csv.__next__
        index, count = 0, len(lines)
        while index < count:
            if not careful and width is not None:  # the usual record, in as few steps as Python can
                text = lines[index].removesuffix("\r")
                if '"' not in text:
                    cells = text.split(delimiter)
                elif len(text) <= MAX_CELL and whole(text):
                    push(text)
                    cells = parse()
                else:
                    cells = []
                if len(cells) == width and (first := cells[0]) and not first.isspace():
                    self.seen += 1
                    self.line += 1
                    index += 1
                    yield self.line - 1, cells
                    continue
            text = lines[index]
            end = index + 1
            odd = '"' in text and text.count('"') & 1 and self.grammar.open.fullmatch(text.removesuffix("\r"))
            if odd:
                closed = self._closing_line(lines, index)
                if closed is None:
                    return "\n".join(lines[index:]) + ("\n" if ended else "")
                end = closed + 1
                text = "\n".join(lines[index:end])
                if not self.grammar.whole.fullmatch(text.removesuffix("\r")) and self._resumes(
                    lines[index + 1 : end]
                ):
                    end, text = index + 1, lines[index]
            number = self.line
            self.line += end - index
            index = end
            if number < self.start:
                continue
            record = self._record(number, text.removesuffix("\r"), careful)
            if record is not None:
                yield number, record
                width = self.width  # known as soon as the headings were taken
        return ""

    def _closing_line(self, lines: list[str], index: int) -> int | None:
        """Return the index of the line that closes the quote open in `lines[index]`."""
        size = 0
        for at in range(index, len(lines)):
            size += len(lines[at]) + 1
            if at > index and lines[at].count('"') & 1:
                return at
            if at > index and '"' in lines[at] and self._breaks(lines[at]):
                return at
            if size > MAX_RECORD:
                self._refuse_open("\n".join(lines[index : at + 1]))
        return None

    def _breaks(self, line: str) -> bool:
        """Tell whether a line inside an open quote closes it and goes on wrongly."""
        return not self.grammar.open.fullmatch('"' + line)

    def _resumes(self, lines: list[str]) -> bool:
        """Tell whether the lines that a stray quote swallowed are surely records: then only its own row is bad.

        The last one, where the quote ended wrongly, may have a fault of its own.
        """
        lines = lines[:-1] or lines
        if self.width is None or (self.width - 1) * len(lines) < 4:
            return False
        wrong = 0
        for line in lines:
            line = line.removesuffix("\r")
            if not self.grammar.whole.fullmatch(line) or len(self._parse(line)) != self.width:
                wrong += 1
        return wrong <= len(lines) // 10

    def _parse(self, text: str) -> list[str]:
        if '"' not in text:
            return text.split(self.delimiter)
        self._stack.append(text)
        return next(self._csv)

    def _record(self, number: int, text: str, careful: bool) -> list[str] | None:
        """Return the cells of one record, or None when it was blank or unreadable (which is then told)."""
        self.seen += 1
        if careful and self._is_doubtful(number, text):
            return None
        if '"' in text and not self.grammar.whole.fullmatch(text):
            self._bad_quote(number, text)
            return None
        try:
            cells = self._parse(text)
        except csv.Error:
            self.on_bad(BadRecord(number, printable(text), "long_cell", {"row": number, "limit": MAX_CELL}))
            return None
        first = cells[0] if cells else ""
        if (not first or first.isspace()) and not "".join(cells).strip():
            self.blank += 1
            return None
        if self.width is None or len(cells) == self.width:
            return cells
        self._bad_width(number, text, cells)
        return None

    def _is_doubtful(self, number: int, text: str) -> bool:
        """Tell of a record with NUL, undecodable bytes or a lone return outside quotes."""
        if "\0" in text:
            self._bad_at(number, text, "nul", text.index("\0"))
        elif found := SURROGATE.search(text):
            self._bad_at(number, text, "undecodable", found.start(), encoding=self.shown_encoding)
        elif "\r" in text and '"' not in text:
            self._bad_at(number, text, "lone_return", text.index("\r"))
        else:
            return False
        return True

    def _bad_quote(self, number: int, text: str) -> None:
        found = self.grammar.good_cells.match(text)
        at = found.end() if found else 0
        rest = text[at:]
        code = "text_after_quote" if rest.startswith('"') else "bare_quote"
        if self.grammar.open.fullmatch(text):
            code = "unclosed_quote"
        elif code == "bare_quote" and "\r" in rest.partition('"')[0]:
            code = "lone_return"
        self._bad_at(number, text, code, at)

    def _bad_at(self, number: int, text: str, code: str, at: int, **params: Any) -> None:
        """Tell of a fault at the offset `at`, naming its column and quoting what stands there."""
        column = 1 + self._cells_before(text, at)
        begin = max(text.rfind(self.delimiter, 0, at) + 1, text.rfind("\n", 0, at) + 1, at - 30)
        value = shorten(printable(text[begin : begin + 160].split("\n")[0].removesuffix("\r")))
        if code in ("nul", "undecodable", "lone_return"):
            value = shorten(printable(text[begin : at + 30]))
        self.on_bad(
            BadRecord(
                number, printable(text), code, {"row": number, "column": column, "value": value} | params
            )
        )

    def _cells_before(self, text: str, at: int) -> int:
        """Count the delimiters before the offset `at` that are outside quotes."""
        return sum(part.count(self.delimiter) for part in text[:at].split('"')[::2])

    def _bad_width(self, number: int, text: str, cells: list[str]) -> None:
        params = {"row": number, "width": len(cells), "expected": self.width}
        self.on_bad(BadRecord(number, printable(text), "wrong_width", params))

    def _refuse_open(self, text: str) -> None:
        """Refuse the file for a quote that never closes."""
        found = self.grammar.good_cells.match(text)
        at = found.end() if found else 0
        raise refusal(
            "open_quote",
            name=self.name,
            row=self.line + text.count("\n", 0, at),
            column=1 + self._cells_before(text, at),
            value=shorten(printable(text[at : at + 160].split("\n")[0].removesuffix("\r"))),
        )

    def _texts(self) -> Iterator[tuple[str, bool]]:
        """Yield blocks of whole lines, and whether one needs care (NUL, bad bytes, lone returns)."""
        tail, old_mac = b"", None
        first = True
        while chunk := self.file.read(BLOCK):
            if first:
                first = False
                chunk = chunk.removeprefix(codecs.BOM_UTF8) if self.encoding == "utf-8" else chunk
            if old_mac is None and (b"\n" in chunk or b"\r" in chunk):
                old_mac = b"\n" not in chunk and b"\r" in chunk[:-1]
            if old_mac:
                chunk = chunk.replace(b"\r", b"\n")
            cut = chunk.rfind(b"\n") + 1
            if not cut:
                tail += chunk
                if len(tail) > 8 * MAX_RECORD:
                    raise refusal("long_line", name=self.name, row=self.line, limit=8 * MAX_RECORD)
                continue
            yield self._decode(tail + chunk[:cut])
            tail = chunk[cut:]
        if tail:
            yield self._decode(tail)

    def _decode(self, data: bytes) -> tuple[str, bool]:
        careful = False
        try:
            text = data.decode(self.encoding)
        except UnicodeDecodeError:
            text = data.decode(self.encoding, "batches.escape" if self.file is self._raw else "surrogatepass")
            careful = True
        if "\r" in text:
            if '"' not in text:
                text = text.replace("\r\n", "\n")
                careful = careful or "\r" in text
            else:
                careful = careful or text.count("\r") != text.count("\r\n")
        return text, careful or "\0" in text
