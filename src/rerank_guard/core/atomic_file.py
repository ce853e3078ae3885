"""A file is replaced whole: after a crash at any moment there is the old content or the new one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

__all__ = ["replace_text"]


def replace_text(path: Path, text: str) -> None:
    """Write `text` in UTF-8 to a temporary file beside `path`, flush it to the disk, then rename it.

    A symbolic link keeps pointing where it does, and its target is replaced. The folder is made if need be.

    Raises:
        OSError: the folder cannot be made or written to; `path` is then as it was, and the temporary file is gone.
    """
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())  # a rename may else reach the disk before the content
        os.chmod(temporary, 0o644)  # mkstemp makes it private, which a file for a repository should not be
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
