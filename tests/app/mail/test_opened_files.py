"""Attachments become real files, in their place and nowhere else, and leave with the program."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from app.errors import LocalError
from app.mail.opened_files import OpenedFiles, write_new_file
from app.model.ids import MessageId
from app.model.mail import Part

PART = Part("2", "application/pdf", "offer.pdf", 5, "", True)


async def source(_message_id: MessageId, part_id: str) -> tuple[Part, bytes]:
    if part_id != "2":
        raise KeyError(part_id)
    return PART, b"%PDF-"


async def test_an_opened_file_is_private_and_goes_at_close(tmp_path: Path) -> None:
    folder = tmp_path / "opened"
    folder.mkdir()
    (folder / "left-over.pdf").write_bytes(b"from a crash")
    files = OpenedFiles(folder, source)
    await files.start()
    assert list(folder.iterdir()) == []
    path = await files.export(MessageId(7), "2")
    assert path.name == "offer.pdf"
    assert path.read_bytes() == b"%PDF-"
    if sys.platform != "win32":
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert await files.export(MessageId(7), "2") == path
    with pytest.raises(KeyError):
        await files.export(MessageId(7), "9")
    await files.close()
    assert not folder.exists()


async def test_saving_never_replaces(tmp_path: Path) -> None:
    files = OpenedFiles(tmp_path / "opened", source)
    await files.start()
    target = tmp_path / "saved"
    first = await files.export(MessageId(7), "2", target)
    second = await files.export(MessageId(7), "2", target)
    assert (first.name, second.name) == ("offer.pdf", "offer (2).pdf")
    assert sorted(p.name for p in target.iterdir()) == ["offer (2).pdf", "offer.pdf"]
    await files.close()
    assert first.exists()


def test_a_hostile_name_stays_in_its_folder(tmp_path: Path) -> None:
    path = write_new_file(tmp_path / "in", "../../out.sh", b"x")
    assert path == tmp_path / "in" / "out.sh"


def test_a_place_that_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(LocalError, match="could not be written"):
        write_new_file(tmp_path / "file" / "below", "a.txt", b"x")


async def test_a_link_in_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "keep.txt").write_text("keep")
    link = tmp_path / "opened"
    try:
        link.symlink_to(precious, target_is_directory=True)
    except OSError:
        # Windows without the right to make links cannot be attacked by one either.
        assert sys.platform == "win32"
        return
    files = OpenedFiles(link, source)
    await files.start()
    assert (precious / "keep.txt").read_text() == "keep"
    await files.close()
    assert precious.exists()
