"""The profile's folder: private, held by one process, and its temporary files gone with the program."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from app.errors import LocalError, ProfileInUse
from app.paths import Profile, write_private

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="modes and symbolic links of POSIX")
HOLD = """
import sys
from pathlib import Path
from app.paths import Profile
with Profile(Path(sys.argv[1])).locked():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return Profile(tmp_path / "deep" / "profile")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_default_is_the_systems_place() -> None:
    root = Profile.default().root
    assert root.is_absolute()
    assert root.name == "Outrigger"


@POSIX
def test_folders_are_closed_to_others_even_if_they_were_open(profile: Profile) -> None:
    profile.root.mkdir(parents=True)
    profile.root.chmod(0o777)
    profile.prepare()
    profile.wipe_temp()
    assert mode(profile.root) == mode(profile.log_file.parent) == mode(profile.temp_dir) == 0o700


def test_temporary_files_go(profile: Profile) -> None:
    profile.prepare()
    profile.wipe_temp()
    (profile.temp_dir / "sub").mkdir()
    (profile.temp_dir / "sub" / "offer.pdf").write_bytes(b"x")
    profile.wipe_temp()
    assert list(profile.temp_dir.iterdir()) == []


@POSIX
def test_a_planted_link_is_removed_not_followed(profile: Profile, tmp_path: Path) -> None:
    profile.prepare()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "dear").write_bytes(b"x")
    profile.temp_dir.symlink_to(mine)
    profile.wipe_temp()
    assert (mine / "dear").exists()
    assert not profile.temp_dir.is_symlink()
    (profile.temp_dir / "link").symlink_to(mine)
    profile.wipe_temp()
    assert (mine / "dear").exists()


def test_a_second_process_is_refused_until_the_first_is_gone(profile: Profile) -> None:
    profile.prepare()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(profile.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    assert holder.stdout.readline().strip() == b"held"
    with pytest.raises(ProfileInUse), profile.locked():
        pass
    holder.kill()
    holder.wait()
    holder.stdin.close()
    holder.stdout.close()
    with profile.locked():
        pass
    with profile.locked():
        pass


def test_a_profile_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(LocalError) as caught:
        Profile(tmp_path / "file" / "profile").prepare()
    assert caught.value.code == "profile_not_writable"


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    (tmp_path / "settings.toml.new").write_bytes(b"left by a crash")
    write_private(path, b"one")
    write_private(path, b"two")
    assert path.read_bytes() == b"two"
    assert [file.name for file in tmp_path.iterdir()] == ["settings.toml"]
    if sys.platform != "win32":
        assert mode(path) == 0o600


@POSIX
def test_a_process_that_was_protected_dumps_no_core_and_makes_private_files(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path; from app.paths import protect_process; protect_process();"
        "Path(sys.argv[1]).write_bytes(b'x'); print(resource.getrlimit(resource.RLIMIT_CORE))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "file")], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "(0, 0)"
    assert mode(tmp_path / "file") == 0o600
