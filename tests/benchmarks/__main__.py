"""``python -m tests.benchmarks [NAME…] [--json FILE]``: find the benchmarks, run them, print and write their rows.

Exit code 0 when all ran, whatever their figures; 1 when one of them failed; 2 when a name is unknown.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks.rows import Row, as_json, as_table

FOLDER = Path(__file__).resolve().parent


def discover(folder: Path = FOLDER, package: str = "tests.benchmarks") -> dict[str, Callable[[], list[Row]]]:
    """All benchmarks by name. Raises ValueError when two have the same."""
    found: dict[str, Callable[[], list[Row]]] = {}
    for path in sorted(folder.glob("bench_*.py")):
        module = importlib.import_module(f"{package}.{path.stem}")
        if module.NAME in found:
            raise ValueError(f"two benchmarks are called {module.NAME}")
        found[module.NAME] = module.run
    return found


def main(arguments: Sequence[str]) -> int:
    """Run those asked for; see the module."""
    parser = argparse.ArgumentParser(prog="dev.py bench")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    benchmarks = discover()
    unknown = [name for name in options.names if name not in benchmarks]
    if unknown:
        print(f"no benchmark is called {', '.join(unknown)}; there are: {', '.join(benchmarks)}", file=sys.stderr)
        return 2
    rows: list[Row] = []
    failed = False
    for name in options.names or benchmarks:
        started = time.monotonic()
        print(f"bench: {name} …", flush=True)
        try:
            rows += benchmarks[name]()
        except Exception:  # noqa: BLE001 - one that fails must not hide the others' figures
            traceback.print_exc()
            failed = True
        print(f"bench: {name} took {time.monotonic() - started:.0f} s", flush=True)
    print(as_table(rows))
    if options.json:
        options.json.write_text(as_json(rows), encoding="utf-8")
        print(f"bench: {len(rows)} rows written to {options.json}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
