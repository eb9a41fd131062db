"""Benchmarks: ours beside a peer or a floor, both run in turn in one process, told as a ratio.

Each ``bench_*.py`` has a ``NAME`` (what ``dev.py bench NAME`` asks for) and ``run() -> list[Row]``. Seconds on a shared computer mean
little; the ratio of two things measured in turn means more.
"""
