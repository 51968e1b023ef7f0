"""Find out what a file is: its format, encoding, delimiter and heading row."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import BinaryIO

from charset_normalizer import from_bytes

from .delimited import WIDE, Delimited, Record
from .messages import BadRecord, refusal
from .sources import BLOCK

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_RECORDS = 100
PLAIN = dict.fromkeys([*range(32, 127), 9, 10, 13])
# Encodings that a person can choose, with the name that is shown; the first that fits is proposed.
ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16 (little endian)",
    "utf-16-be": "UTF-16 (big endian)",
    "utf-32": "UTF-32",
    "utf-32-le": "UTF-32 (little endian)",
    "utf-32-be": "UTF-32 (big endian)",
    "cp1252": "Windows-1252 (Western)",
    "cp1250": "Windows-1250 (Central European)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "cp1253": "Windows-1253 (Greek)",
    "cp1254": "Windows-1254 (Turkish)",
    "cp1255": "Windows-1255 (Hebrew)",
    "cp1256": "Windows-1256 (Arabic)",
    "cp1257": "Windows-1257 (Baltic)",
    "iso8859-1": "ISO 8859-1 (Western)",
    "iso8859-2": "ISO 8859-2 (Central European)",
    "iso8859-3": "ISO 8859-3 (South European)",
    "iso8859-4": "ISO 8859-4 (North European)",
    "iso8859-5": "ISO 8859-5 (Cyrillic)",
    "iso8859-6": "ISO 8859-6 (Arabic)",
    "iso8859-7": "ISO 8859-7 (Greek)",
    "iso8859-8": "ISO 8859-8 (Hebrew)",
    "iso8859-9": "ISO 8859-9 (Turkish)",
    "iso8859-10": "ISO 8859-10 (Nordic)",
    "iso8859-11": "ISO 8859-11 (Thai)",
    "iso8859-13": "ISO 8859-13 (Baltic)",
    "iso8859-14": "ISO 8859-14 (Celtic)",
    "iso8859-15": "ISO 8859-15 (Western)",
    "iso8859-16": "ISO 8859-16 (South-East European)",
    "koi8-r": "KOI8-R (Cyrillic)",
    "mac-roman": "Mac Roman",
    "cp437": "DOS 437",
    "cp850": "DOS 850",
    "shift_jis": "Shift JIS (Japanese)",
    "gb18030": "GB 18030 (Chinese)",
    "big5": "Big5 (Chinese)",
    "euc_kr": "EUC-KR (Korean)",
}
LEGACY = [
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1253",
    "iso8859_7",
    "koi8_r",
    "shift_jis",
    "gb18030",
    "big5",
    "euc_kr",
]
# Encodings of the Cyrillic and the Greek script, which are easily taken for one another.
SCRIPTS = ("cp1251", "koi8-r", "iso8859-5", "cp1253", "iso8859-7")
VOWELS = frozenset("аеёиоуыэюяіїєαεηιουωάέήίόύώϊϋ")
WORD = re.compile(r"[^\s,;|\t0-9\"'().:/_-]+")
WESTERN = {"cp1252", "cp1250", "cp1254", "iso8859-2", "iso8859-15", "latin-1", "iso8859-1"}
MAGIC = (
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\x89PNG", "a picture"),
    (b"GIF8", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"{\\rtf", "a text document"),
    (b"SQLite format 3", "a database"),
)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MARKUP = re.compile(rb"\s*<(?:!doctype|html|head|body|table|\?xml|script|meta)\b", re.IGNORECASE)
JSON = re.compile(rb"\s*(?:\{\s*\"|\[\s*[\[{])")
NUMBERS = re.compile(r"\s*[-+(]?[$€£]?[0-9][0-9.,]*\)?\s*").fullmatch
CONTROL = bytes(set(range(32)) - {9, 10, 12, 13, 26, 27})


def refuse_what_is_no_text(head: bytes, name: str) -> None:
    """Refuse a file that is named as text but is something else."""
    for magic, what in MAGIC:
        if head.startswith(magic):
            raise refusal("not_text", name=name, what=what)
    if head.startswith(b"PK\x03\x04"):
        if (
            b"xl/" in head
            or b"[Content_Types].xml" in head[:100]
            or b"opendocument.spreadsheet" in head[:200]
        ):
            raise refusal("is_workbook", name=name)
        raise refusal("not_text", name=name, what="a ZIP archive")
    if head.startswith(OLE):
        raise refusal("not_text", name=name, what="an old office document")
    text = head.removeprefix(codecs.BOM_UTF8)
    if MARKUP.match(text):
        raise refusal("not_text", name=name, what="a web page or XML")
    if JSON.match(text):
        raise refusal("not_text", name=name, what="JSON")


@dataclass
class _Survey:
    """What one pass over the whole file found."""

    quotes: int = 0
    utf8: bool = True
    multibyte: int = 0
    undecodable: int = 0
    controls: int = 0
    size: int = 0
    high: bytearray = field(default_factory=bytearray)


def _survey(file: BinaryIO) -> _Survey:
    """Read the whole file once, a block of whole lines at a time."""
    found = _Survey()
    tail = b""
    while chunk := file.read(BLOCK):
        cut = chunk.rfind(b"\n") + 1 or len(chunk)
        _look(found, tail + chunk[:cut])
        tail = chunk[cut:]
    _look(found, tail)
    return found


def _look(found: _Survey, data: bytes) -> None:
    found.size += len(data)
    found.quotes += data.count(b'"')
    found.controls += len(data) - len(data.translate(None, CONTROL))
    if data.isascii():
        return
    try:
        text = data.decode("utf-8")
        bad = 0
    except UnicodeDecodeError:
        text = data.decode("utf-8", "batches.escape")
        bad = len(text) - len(text.encode("utf-8", "ignore").decode("utf-8"))
        found.utf8 = False
    found.undecodable += bad
    found.multibyte += len(text) - len(text.encode("ascii", "ignore")) - bad
    if len(found.high) < BLOCK // 4:
        found.high += b"\n".join(line for line in data.split(b"\n") if not line.isascii())[: BLOCK // 4]


def _wide_encoding(head: bytes) -> str | None:
    """Return the encoding that a byte order mark or the place of zero bytes tells."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if head.startswith(mark):
            return encoding
    return _wide_without_mark(head) if head.count(0) * 10 > len(head) else None


def _wide_without_mark(head: bytes) -> str | None:
    """Return the encoding in which bytes with NUL are text with line ends, digits and the like."""
    best, most = None, 0.3
    for encoding, size in (("utf-32-le", 4), ("utf-32-be", 4), ("utf-16-le", 2), ("utf-16-be", 2)):
        try:
            text = head[: len(head) // size * size].decode(encoding)
        except UnicodeDecodeError:  # the last one may be cut in two
            try:
                text = head[: (len(head) - 2) // size * size].decode(encoding)
            except UnicodeDecodeError:
                text = head[: len(head) // size * size].decode(encoding, "replace")
        if "\n" not in text and "\r" not in text:
            continue
        plain = len(text) - len(text.translate(PLAIN))
        share = plain / max(len(text), 1) - 2 * (text.count("\0") + text.count("\ufffd")) / max(len(text), 1)
        # Letters of other scripts lie together: what is neither plain nor a letter speaks against it.
        share += 0.5 * sum(map(str.isalpha, text.translate(PLAIN))) / max(len(text), 1)
        if share > most:
            best, most = encoding, share
    return best


def _legacy_encoding(sample: bytes) -> str:
    """Guess the encoding of bytes that are no UTF-8: Windows-1252 unless there is good evidence."""
    high = sum(1 for byte in sample if byte > 127)
    if high >= 12:
        best = from_bytes(sample, cp_isolation=LEGACY).best()
        if best is not None:
            guess = codecs.lookup(best.encoding).name
            if guess in SCRIPTS:
                return max((guess, *SCRIPTS), key=lambda encoding: _likeness(sample, encoding))
            if guess not in WESTERN:
                return guess
    return "cp1252"


def _likeness(sample: bytes, encoding: str) -> float:
    """Return how much the words of a text are like words: of letters alone, with vowels, small after the first."""
    words = [word for word in WORD.findall(sample.decode(encoding, "replace")) if not word.isascii()]
    letters = sum(map(len, words))
    if not letters:
        return 0.0
    vowels = sum(1 for word in words for char in word.casefold() if char in VOWELS)
    breaks = sum(1 for word in words for a, b in pairwise(word) if a.islower() and b.isupper())
    odd = sum(1 for word in words for char in word if not char.isalpha())
    return min(vowels / letters, 0.45) - 2 * (breaks + odd) / letters


def detect_encoding(file: BinaryIO, name: str) -> tuple[str, int]:
    """Return the encoding of the whole file, and how many quotes it holds; refuse what is no text."""
    head = file.read(4096)
    encoding = _wide_encoding(head)
    if encoding not in WIDE:
        refuse_what_is_no_text(head, name)
    file.seek(0)
    found = _survey(file)
    file.seek(0)
    if encoding is None and found.controls > 0.02 * found.size and found.controls > 8:
        raise refusal("not_text", name=name, what="a binary file")
    if encoding is None:
        mostly = found.multibyte and found.multibyte >= found.undecodable
        encoding = "utf-8" if found.utf8 or mostly else _legacy_encoding(bytes(found.high))
    return encoding, found.quotes


class _Enough(Exception):
    """The sample is complete."""


def sample(
    file: BinaryIO, encoding: str, delimiter: str, name: str, start: int = 1, n: int = SAMPLE_RECORDS
) -> tuple[list[Record], list[BadRecord]]:
    """Return up to `n` first records (line, cells) of any width, and the unreadable ones among them."""
    records: list[Record] = []
    bad: list[BadRecord] = []

    def keep_bad(record: BadRecord) -> None:
        bad.append(record)
        if len(bad) + len(records) >= n:
            raise _Enough

    file.seek(0)
    try:
        for record in Delimited(file, encoding, delimiter, name, keep_bad, start=start).records():
            records.append(record)
            if len(bad) + len(records) >= n:
                break
    except _Enough:
        pass
    return records, bad


def detect_delimiter(file: BinaryIO, encoding: str, name: str) -> str:
    """Return the delimiter that cuts the first records into the most even widths."""
    best, best_score = ",", 0.0
    for delimiter in DELIMITERS:
        try:
            records, bad = sample(file, encoding, delimiter, name)
        except Exception as error:
            if getattr(error, "details", {}).get("code") != "open_quote":
                raise
            records, bad = _lines(file, encoding, delimiter), []
        widths = [len(cells) for _, cells in records]
        if not widths or max(widths) < 2:
            continue
        usual = max(set(widths), key=lambda width: (widths.count(width), width))
        if usual < 2:
            continue
        even = widths.count(usual) / (len(widths) + len(bad))
        score = even * even * (2 - 1 / usual)
        if widths[0] == usual:
            score *= 1.2
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _lines(file: BinaryIO, encoding: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """Cut the first lines naively, for a file whose quotes are broken with this delimiter."""
    file.seek(0)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(file.read(BLOCK))
    return [
        (at, line.split(delimiter))
        for at, line in enumerate(text.split("\n")[:SAMPLE_RECORDS], 1)
        if line.strip()
    ]


def propose_heading_row(records: list[tuple[int, list[str]]]) -> int:
    """Return the line of the first record that is no title line (one filled cell above a wider table)."""
    widths = [sum(1 for cell in cells if cell.strip()) for _, cells in records]
    table = sorted(widths)[len(widths) // 2]
    usual = sorted(len(cells) for _, cells in records)[len(records) // 2]
    for at, ((line, cells), width) in enumerate(zip(records, widths, strict=True)):
        title = width == 1 and (
            table >= 3
            or len(cells) < usual
            or (cells[0].lower().startswith("sep=") and not any(cells[1:]))
            or (table == 2 and _heads([cells for _, cells in records[at + 1 :]]))
        )
        if not title:
            return line
    return records[0][0]


def _heads(rows: list[list[str]]) -> bool:
    """Tell whether the first of these rows is surely one of headings: two words above numbers."""
    if len(rows) < 3 or any(not cell.strip() or NUMBERS(cell) for cell in rows[0][:2]):
        return False
    return any(all(NUMBERS(row[at]) for row in rows[1:] if at < len(row)) for at in range(2))
