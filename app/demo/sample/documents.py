"""Small files that really open: PDF (ISO 32000-1), DOCX and XLSX (ECMA-376), PNG (ISO 15948), ZIP. Standard library only, no clock."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Final
from xml.sax.saxutils import escape

_EPOCH: Final = (2026, 1, 1, 0, 0, 0)
_PAGE_LINES: Final = 46
_WORD: Final = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_SHEET: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"

Colour = tuple[int, int, int]


def pdf(title: str, lines: Sequence[str], *, picture_side: int = 0) -> bytes:
    """Text over as many A4 pages as it needs; a line that begins with "# " is a heading.

    With ``picture_side`` a last page shows a picture of that many pixels in each direction, stored as it is: three bytes a pixel.
    """
    pages = [lines[at : at + _PAGE_LINES] for at in range(0, max(len(lines), 1), _PAGE_LINES)]
    objects: list[bytes] = [
        b"",
        b"",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>")
    fonts = b"/Font << /F1 3 0 R /F2 4 0 R >>"
    kids = [_pdf_page(objects, _page_text(page), fonts) for page in pages]
    if picture_side:
        objects.append(_pdf_picture(picture_side))
        resources = b"/XObject << /P %d 0 R >>" % len(objects)
        kids.append(_pdf_page(objects, b"q 480 0 0 480 57 300 cm /P Do Q", resources))
    objects[0] = b"<< /Type /Catalog /Pages 2 0 R >>"
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), b" ".join(b"%d 0 R" % kid for kid in kids))
    objects.append(b"<< /Title %s /Producer (Rita Instruments) >>" % _pdf_string(title))
    return _pdf_file(objects)


def _pdf_file(objects: Sequence[bytes]) -> bytes:
    out = io.BytesIO()
    out.write(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets: list[int] = []
    for number, content in enumerate(objects, 1):
        offsets.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, content))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.writelines(b"%010d 00000 n \n" % offset for offset in offsets)
    out.write(b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\n" % (len(objects) + 1, len(objects)))
    out.write(b"startxref\n%d\n%%%%EOF\n" % start)
    return out.getvalue()


def _pdf_page(objects: list[bytes], content: bytes, resources: bytes) -> int:
    packed = zlib.compress(content, 6)
    objects.append(b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(packed), packed))
    stream = len(objects)
    objects.append(
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << %s >> /Contents %d 0 R >>"
        % (resources, stream)
    )
    return len(objects)


def _page_text(lines: Sequence[str]) -> bytes:
    pieces = [b"BT 57 785 Td 15 TL"]
    for line in lines:
        is_heading = line.startswith("# ")
        pieces.append(b"/F2 13 Tf" if is_heading else b"/F1 10 Tf")
        pieces.append(_pdf_string(line.removeprefix("# ")) + b" Tj T*")
    pieces.append(b"ET")
    return b"\n".join(pieces)


def _pdf_string(text: str) -> bytes:
    raw = text.encode("cp1252", "replace")
    return b"(" + raw.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)") + b")"


def _pdf_picture(side: int) -> bytes:
    """A sky over machines: bands of colour, row by row."""
    rows: list[bytes] = []
    for row in range(side):
        light = 255 - row * 160 // side
        step = side // 9
        pixel = bytes((light * 7 // 10, light * 9 // 10, light))
        machine = bytes((60, 70 + (row * 50 // side), 84))
        cells = [machine if row > side * (45 + (cell * 29) % 40) // 100 else pixel for cell in range(9)]
        line = b"".join(cell * step for cell in cells)
        rows.append(line + pixel * (side - step * 9))
    raw = b"".join(rows)
    head = b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceRGB /BitsPerComponent 8 /Length %d >>"
    return head % (side, side, len(raw)) + b"\nstream\n" + raw + b"\nendstream"


def docx(paragraphs: Sequence[str]) -> bytes:
    """A Word document; a paragraph that begins with "# " is a heading."""
    body: list[str] = []
    for paragraph in paragraphs:
        style = '<w:rPr><w:b/><w:sz w:val="32"/></w:rPr>' if paragraph.startswith("# ") else ""
        text = escape(paragraph.removeprefix("# "))
        body.append(f'<w:p><w:r>{style}<w:t xml:space="preserve">{text}</w:t></w:r></w:p>')
    document = f'<w:document xmlns:w="{_WORD}"><w:body>{"".join(body)}<w:sectPr/></w:body></w:document>'
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    return _office("word/document.xml", document, kind, {})


def xlsx(sheet: str, rows: Sequence[Sequence[str | float]], *, packed: bool = True) -> bytes:
    """A workbook with one sheet; a text that begins with "=" is a formula. Without ``packed`` its size follows from the rows."""
    lines = [
        f'<row r="{number}">' + "".join(_cell(number, column, value) for column, value in enumerate(row)) + "</row>"
        for number, row in enumerate(rows, 1)
    ]
    data = f'<worksheet xmlns="{_SHEET}"><sheetData>{"".join(lines)}</sheetData></worksheet>'
    book = (
        f'<workbook xmlns="{_SHEET}" xmlns:r="{_RELATIONS}"><sheets>'
        f'<sheet name="{escape(sheet[:31])}" sheetId="1" r:id="rId1"/></sheets></workbook>'
    )
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
    sheet_kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"
    return _office("xl/workbook.xml", book, kind, {"xl/worksheets/sheet1.xml": (data, sheet_kind)}, packed=packed)


def archive(files: Mapping[str, bytes], *, packed: bool = True) -> bytes:
    """A ZIP file; without ``packed`` its files are only stored."""
    method = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as written:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = method
            written.writestr(info, content)
    return out.getvalue()


def logo(colour: Colour, *, width: int = 160, height: int = 44) -> bytes:
    """A company's sign: a disc and three bars on white."""
    white = bytes((255, 255, 255))
    ink, pale = bytes(colour), bytes(min(255, part + 90) for part in colour)
    radius = height * 2 // 5
    rows: list[bytes] = []
    for row in range(height):
        offset = abs(row - height // 2)
        half = int((radius**2 - offset**2) ** 0.5) if offset <= radius else 0
        left = white * (height // 2 - half) + ink * (2 * half) + white * (height // 2 - half)
        left += white * (height - len(left) // 3)
        bar = next((shade for top, shade in ((9, ink), (20, pale), (31, ink)) if top <= row < top + 6), white)
        length = {9: 96, 20: 70, 31: 48}.get(next((top for top in (9, 20, 31) if top <= row < top + 6), 0), 0)
        rows.append(left + bar * length + white * (width - height - length))
    return png(width, height, rows)


def photo(width: int, height: int, sky: Colour, ground: Colour) -> bytes:
    """A picture as from a phone: a wall, a floor, and a cabinet with a red lamp."""
    rows: list[bytes] = []
    cabinet, door, lamp = bytes((88, 96, 104)), bytes((120, 130, 138)), bytes((214, 40, 40))
    for row in range(height):
        shade = row * 60 // height
        base = sky if row < height * 7 // 10 else ground
        pixel = bytes(max(0, part - shade) for part in base)
        line = pixel * width
        if height // 6 < row < height * 8 // 10:
            left, right = width * 35 // 100, width * 68 // 100
            middle = cabinet * 8 + door * (right - left - 16) + cabinet * 8
            if height // 4 < row < height // 4 + height // 24:
                at = (right - left) // 2
                middle = middle[: at * 3] + lamp * (width // 40) + middle[(at + width // 40) * 3 :]
            line = line[: left * 3] + middle + line[right * 3 :]
        rows.append(line)
    return png(width, height, rows)


def png(width: int, height: int, rows: Sequence[bytes]) -> bytes:
    """A picture from rows of red, green and blue bytes."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"".join(b"\x00" + row for row in rows), 6)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    packed = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def _cell(row: int, column: int, value: str | float) -> str:
    place = f"{chr(65 + column)}{row}"
    if isinstance(value, int | float):
        return f'<c r="{place}"><v>{value}</v></c>'
    if value.startswith("="):
        return f'<c r="{place}"><f>{escape(value[1:])}</f></c>'
    return f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'


def _office(main: str, content: str, kind: str, more: Mapping[str, tuple[str, str]], *, packed: bool = True) -> bytes:
    declaration = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    overrides = "".join(
        f'<Override PartName="/{name}" ContentType="{part_kind}"/>'
        for name, part_kind in [(main, kind), *((name, part[1]) for name, part in more.items())]
    )
    types = (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>'
    )
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    relations = f'<Relationships xmlns="{package}"><Relationship Id="rId1" Type="{_RELATIONS}/officeDocument" Target="{main}"/></Relationships>'
    files = {"[Content_Types].xml": types, "_rels/.rels": relations, main: content}
    if more:
        folder, _slash, name = main.partition("/")
        inner = "".join(
            f'<Relationship Id="rId{number}" Type="{_RELATIONS}/worksheet" Target="{path.removeprefix(folder + "/")}"/>'
            for number, path in enumerate(more, 1)
        )
        files[f"{folder}/_rels/{name}.rels"] = f'<Relationships xmlns="{package}">{inner}</Relationships>'
        files |= {path: part[0] for path, part in more.items()}
    return archive({path: (declaration + text).encode() for path, text in files.items()}, packed=packed)
