"""No attachment's name can leave its folder, hide its suffix or break a file system."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.mail.file_names import NAME_BYTES, is_program, safe_file_name


@pytest.mark.parametrize(
    ("hostile", "safe"),
    [
        ("offer.pdf", "offer.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\Startup\\x.lnk", "x.lnk"),
        ("C:x", "C_x"),
        ("\\\\srv\\share\\x", "x"),
        ("a\x00.exe", "a.exe"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("CON", "_CON"),
        ("con.txt", "_con.txt"),
        ("aux .txt", "_aux .txt"),
        ("COM¹", "_COM¹"),
        ("NUL.", "_NUL"),
        ("trailing. ", "trailing"),
        ("file.txt:ads", "file.txt_ads"),
        ("-rf", "_rf"),
        (".htaccess", "_htaccess"),
        ("desktop.ini", "_desktop.ini"),
        ("a\nb", "ab"),
        ("\ufeffx", "x"),
        ("e\u0301t\u00e9.pdf", "été.pdf"),
        ("", "attachment"),
        ("..", "attachment"),
        ("Angebot für Müller 🚀.pdf", "Angebot für Müller 🚀.pdf"),
        ("見積書.xlsx", "見積書.xlsx"),
    ],
)
def test_known_tricks(hostile: str, safe: str) -> None:
    name = safe_file_name(hostile)
    assert name == safe or (safe == "attachment" and name.startswith("attachment"))


def test_a_cut_name_keeps_its_suffix() -> None:
    name = safe_file_name("😀" * 200 + ".pdf")
    assert name.endswith(".pdf")
    assert len(name.encode()) <= NAME_BYTES


def test_an_empty_name_takes_its_types_suffix() -> None:
    assert safe_file_name("", "application/pdf") == "attachment.pdf"


@given(st.text(max_size=400))
def test_any_name_can_be_written_where_it_belongs(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    safe = safe_file_name(name)
    folder = Path("base")
    assert (folder / safe).parent == folder
    assert safe not in {"", ".", ".."}
    assert 0 < len(safe.encode("utf-8")) <= NAME_BYTES + 1
    assert safe_file_name(safe) == safe


@pytest.mark.parametrize(
    "name", ["x.exe", "report.pdf.exe", "a.LNK", "run.sh", "page.html", "x.desktop", "m.docm", "x.exe. "]
)
def test_programs_are_known(name: str) -> None:
    assert is_program(name)


@pytest.mark.parametrize("name", ["offer.pdf", "photo.jpg", "plan.xlsx", "notes.txt", "exe", "deck.pptx"])
def test_documents_are_not_programs(name: str) -> None:
    assert not is_program(name)
