"""Names every function whose cyclomatic complexity (radon's count) is above the limit; ends with 1 if there is one."""

from __future__ import annotations

import sys
from pathlib import Path

from radon.complexity import cc_visit

LIMIT = 15


def main() -> int:
    """Print what is above the limit."""
    found = [
        (block.complexity, f"{path}:{block.lineno} {block.fullname}")
        for folder in sys.argv[1:]
        for path in sorted(Path(folder).rglob("*.py"))
        for block in cc_visit(path.read_text(encoding="utf-8"))
        if block.letter in "FM" and block.complexity > LIMIT
    ]
    for complexity, where in sorted(found, reverse=True):
        print(f"{where}: complexity {complexity}, above {LIMIT}; split it into measure, decide and word")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
