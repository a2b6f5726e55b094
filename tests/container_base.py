"""What stands in for the registries' images: a file system of this machine's Python, and uv alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

LIBRARIES = (
    "libm.so.6", "libdl.so.2", "librt.so.1", "libutil.so.1", "libpthread.so.0", "libresolv.so.2",
    "libgcc_s.so.1", "libstdc++.so.6", "libz.so.1",
)  # fmt: skip
"""What wheels may expect of any Linux system (PEP 600), beside what the interpreter needs itself."""
LEFT_OUT = ("site-packages", "__pycache__", "test", "idlelib", "ensurepip", "tkinter", "lib2to3", "config-*")


def write_python(root: Path) -> None:
    """Lay this interpreter, a shell and the libraries of both below `root`."""
    home, version = Path(sys.base_prefix), f"python{sys.version_info.major}.{sys.version_info.minor}"
    local = root / "usr" / "local"
    for folder in (root / "tmp", root / "etc" / "ssl" / "certs", root / "bin", root / "usr" / "bin", local / "bin"):
        folder.mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    (root / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n", "utf-8")
    shutil.copytree(home / "lib" / version, local / "lib" / version, ignore=shutil.ignore_patterns(*LEFT_OUT))
    shutil.copy(home / "bin" / version, local / "bin" / version)
    for name in ("python3", "python"):
        (local / "bin" / name).symlink_to(version)
    shutil.copy("/bin/sh", root / "bin" / "sh")
    known = Path("/etc/ssl/certs/ca-certificates.crt")
    shutil.copy(os.environ.get("SSL_CERT_FILE", known), root / known.relative_to("/"))
    extensions = (home / "lib" / version / "lib-dynload").glob("*.so")
    _copy_libraries(root, [home / "bin" / version, Path("/bin/sh"), *extensions, *_system_libraries()])


def _system_libraries() -> list[Path]:
    told = subprocess.run(["/sbin/ldconfig", "-p"], check=True, capture_output=True, text=True).stdout
    known = dict(reversed(re.findall(r"^\s+(\S+) \(.*\) => (\S+)$", told, re.MULTILINE)))  # the first is the loader's
    return [Path(known[name]) for name in LIBRARIES if name in known]


def _copy_libraries(root: Path, programs: Iterable[Path]) -> None:
    """Copy what the loader would look for, to the same places."""
    told = subprocess.run(["ldd", *programs], check=False, capture_output=True, text=True).stdout
    found = {Path(path) for path in re.findall(r"^\s+(?:\S+ => )?(/\S+) \(0x", told, re.MULTILINE)}
    for library in found | set(_system_libraries()):
        target = root / library.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, target)
