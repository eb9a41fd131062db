"""Names of attachments, made safe to show and to write on Windows, macOS and Linux, and which of them can run a program."""

from __future__ import annotations

import mimetypes
import unicodedata
from pathlib import PurePosixPath

NAME_BYTES = 200
"""Below every file system's 255 bytes, with room for " (2)" and for a temporary suffix."""

_RESERVED = {
    "CON",
    "PRN",
    "AUX",
    "NUL",
    "CONIN$",
    "CONOUT$",
    *(f"{port}{n}" for port in ("COM", "LPT") for n in "0123456789¹²³"),
}
_FORBIDDEN = set('<>:"/\\|?*')
# What Windows, macOS or a desktop Linux runs, mounts or obeys when a person opens it.
_PROGRAM_SUFFIXES = frozenset(
    "ade adp apk app appimage application appref-ms appx bat bin bas chm cmd com command cpl crt csh deb desktop "
    "diagcab dll dmg dylib ear elf exe "
    "fxp gadget hlp hta htm html img inf ins inx iso isp isu jar jnlp job js jse ksh lib lnk mad maf mag mam maq mar "
    "mas mat mau mav maw mcf mda "
    "mdb mde mdt mdw mdz msc msh msh1 msh2 msi msix msp mst ocx ops osd paf pcd pif pkg pl plg prf prg ps1 ps1xml ps2"
    " psc1 psc2 psd1 psm1 pst py "
    "pyc pyw pyz rb reg rgs rpm run scf scr sct settingcontent-ms sh shb shs slk snap so svg swf sys terminal theme "
    "tmp tool url vb vbe vbp vbs vhd "
    "vhdx vsmacros vsw vxd webloc website wsc wsf wsh xbap xhtml xla xlam xll xlm xlsb xlsm xltm xnk docm "
    "dotm pptm potm ppam ppsm sldm zsh".split()
)
_PROGRAM_TYPES = (
    "application/x-msdownload",
    "application/x-msdos-program",
    "application/x-executable",
    "application/x-sh",
    "text/x-python",
)


def safe_file_name(name: str, content_type: str = "application/octet-stream") -> str:
    """A file name from a hostile one: no path, no control or direction-changing characters, no reserved or hidden name, at most 200 bytes of UTF-8.

    An empty name becomes "attachment" with the suffix of its type. The last suffix is kept when the name must be cut.
    """
    text = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode("utf-8", "replace"))
    # Cc controls, Cf direction overrides and zero-width marks (they hide the true suffix), Cs/Co/Cn nothing a font can
    # show, Zl/Zp line breaks.
    text = "".join(
        c for c in text if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} or c == "\u200d"
    )
    text = text.replace("\\", "/").rsplit("/", 1)[-1]
    text = "".join("_" if c in _FORBIDDEN else c for c in text).strip().rstrip(". ")
    # A leading dash is an option to many programs, a leading dot hides the file.
    if text.startswith(("-", ".", "~")):
        text = "_" + text.lstrip("-.~")
    if not text.strip("_ "):
        text = "attachment" + (mimetypes.guess_extension(content_type.lower(), strict=False) or "")
    if text.split(".", 1)[0].rstrip().upper() in _RESERVED or text.lower() == "desktop.ini":
        text = f"_{text}"
    return _cut(text)


def is_program(filename: str, content_type: str = "") -> bool:
    """Whether opening the file could run something: by its last suffix or its media type.

    Unknown suffixes do not count.
    """
    suffix = PurePosixPath(filename.rstrip(". ")).suffix.lstrip(".").lower()
    return suffix in _PROGRAM_SUFFIXES or content_type.lower() in _PROGRAM_TYPES


def _cut(name: str) -> str:
    if len(name.encode("utf-8")) <= NAME_BYTES:
        return name
    path = PurePosixPath(name)
    suffix = path.suffix if len(path.suffix.encode("utf-8")) <= 20 else ""
    stem = name[: len(name) - len(suffix)] if suffix else name
    room = NAME_BYTES - len(suffix.encode("utf-8"))
    return stem.encode("utf-8")[:room].decode("utf-8", "ignore").rstrip() + suffix
