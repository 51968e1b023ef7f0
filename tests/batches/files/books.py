"""Make files for the tests: CSV from text, workbooks by hand (what no library writes)."""

import io
import struct
import zipfile

NAMESPACE = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"
MAIN_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
    f'<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{MAIN_TYPE}"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{SHEET_TYPE}"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook {NAMESPACE} xmlns:r="{OFFICE}">'
    '<sheets><sheet name="Prices" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}


def csv_file(content: str | bytes, encoding: str = "utf-8") -> io.BytesIO:
    """Return a file that holds `content`."""
    return io.BytesIO(content if isinstance(content, bytes) else content.encode(encoding))


def book_of(
    rows: str,
    more: dict[str, str] | None = None,
    before: str = "",
    after: str = "",
    calculate: bool = False,
) -> io.BytesIO:
    """Return a workbook whose sheet has the XML `rows`; it may ask to be calculated when it is opened."""
    if calculate:
        main = PARTS["xl/workbook.xml"].replace("</workbook>", '<calcPr fullCalcOnLoad="1"/></workbook>')
        more = {"xl/workbook.xml": main} | (more or {})
    sheet = f"{before}<worksheet {NAMESPACE}><sheetData>{rows}</sheetData></worksheet>{after}"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (PARTS | {"xl/worksheets/sheet1.xml": sheet} | (more or {})).items():
            archive.writestr(name, content)
    file.seek(0)
    return file


OPEN = "urn:oasis:names:tc:opendocument:xmlns"
SPREADSHEET = "application/vnd.oasis.opendocument.spreadsheet"
MANIFEST = (
    f'<manifest:manifest xmlns:manifest="{OPEN}:manifest:1.0">'
    f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{SPREADSHEET}"/></manifest:manifest>'
)


def ods_cell(value: object) -> str:
    """Return the XML of an OpenDocument cell; XML is taken as it is."""
    if isinstance(value, str) and value.startswith("<table:"):
        return value
    if isinstance(value, int | float):
        return f'<table:table-cell office:value-type="float" office:value="{value}"/>'
    return f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'


def ods_of(
    *sheets: tuple[str, list], more: dict[str, str] | None = None, before: str = "", after: str = ""
) -> io.BytesIO:
    """Return an OpenDocument workbook of (title, rows of values)."""
    tables = "".join(
        f'<table:table table:name="{title}">'
        + "".join(f"<table:table-row>{''.join(map(ods_cell, row))}</table:table-row>" for row in rows)
        + "</table:table>"
        for title, rows in sheets
    )
    names = "".join(f' xmlns:{name}="{OPEN}:{name}:1.0"' for name in ("office", "table", "text"))
    content = (
        f'{before}<office:document-content{names} xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:'
        f'xmlns:calcext:1.0"><office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>'
        f"</office:document-content>{after}"
    )
    parts = {"mimetype": SPREADSHEET, "content.xml": content, "META-INF/manifest.xml": MANIFEST}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (parts | (more or {})).items():
            archive.writestr(name, text)
    file.seek(0)
    return file


def record(kind: int, content: bytes) -> bytes:
    """Return one record of an old workbook."""
    return struct.pack("<HH", kind, len(content)) + content


def xls_cell(row: int, column: int, value: object) -> bytes:
    """Return the record of a cell; bytes are the result of a formula, None an error."""
    place = struct.pack("<HHH", row, column, 0)
    if isinstance(value, bytes):
        return record(0x0006, place + value.ljust(14, b"\0") + struct.pack("<H", 0))
    if value is None:
        return record(0x0205, place + b"\x2a\x01")
    if isinstance(value, int | float):
        return record(0x0203, place + struct.pack("<d", value))
    text = str(value).encode("utf-16-le")
    return record(0x0204, place + struct.pack("<HB", len(text) // 2, 1) + text)


def xls_of(*sheets: tuple[str, list], more: bytes = b"", name: str = "Workbook") -> io.BytesIO:
    """Return an old workbook (BIFF8 in OLE) of (title, rows of values)."""
    bodies = []
    for _, rows in sheets:
        cells = (xls_cell(r, c, value) for r, row in enumerate(rows) for c, value in enumerate(row))
        bodies.append(
            record(0x0809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 0))
            + b"".join(cells)
            + record(0x0A, b"")
        )
    begin = (
        record(0x0809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 0))
        + more
        + record(0x42, struct.pack("<H", 1200))
    )
    at = len(begin) + sum(12 + len(title) for title, _ in sheets) + 4
    for (title, _), body in zip(sheets, bodies, strict=True):
        begin += record(0x85, struct.pack("<IHBB", at, 0, len(title), 0) + title.encode("ascii"))
        at += len(body)
    return csv_file(ole_of({name: begin + record(0x0A, b"") + b"".join(bodies)}))


def ole_of(streams: dict[str, bytes]) -> bytes:
    """Return an OLE file of these streams."""
    sectors, table, entries = b"", [], []
    for name, content in [("", b""), *streams.items()]:
        if not name:
            continue
        padded = content.ljust(max(4096, -(-len(content) // 512) * 512), b"\0")
        first = len(table)
        count = len(padded) // 512
        table += [*range(first + 1, first + count), 0xFFFFFFFE]
        sectors += padded
        entries.append((name, 2, first, len(padded)))
    entries.insert(0, ("Root Entry", 5, 0xFFFFFFFE, 0))
    directory = b""
    for at, (name, kind, first, size) in enumerate(entries):
        text = name.encode("utf-16-le")
        following = at + 1 if 0 < at < len(entries) - 1 else 0xFFFFFFFF
        child = 1 if at == 0 else 0xFFFFFFFF
        directory += text.ljust(64, b"\0") + struct.pack(
            "<HBBIII", len(text) + 2, kind, 1, 0xFFFFFFFF, following, child
        )
        directory += b"\0" * 36 + struct.pack("<IQ", first, size)
    directory = directory.ljust(-(-len(directory) // 512) * 512, b"\0")
    place = len(table)
    count = len(directory) // 512
    table += [*range(place + 1, place + count), 0xFFFFFFFE]
    sectors += directory
    tables = -(-(len(table) + 1) // 127)
    where = range(len(table), len(table) + tables)
    table += [0xFFFFFFFD] * tables
    packed = struct.pack(f"<{len(table)}I", *table).ljust(tables * 512, b"\xff")
    head = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + b"\0" * 16
        + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6)
        + b"\0" * 6
    )
    head += struct.pack("<IIIIIIIII", 0, tables, place, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    head += struct.pack(f"<{tables}I", *where).ljust(436, b"\xff")
    return head + sectors + packed
