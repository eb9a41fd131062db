"""Pytest fixtures with a demo world: one for each test, or one for the session that each test finds as new.

Use them by ``from tests.servers.fixtures import demo_world`` (or ``shared_demo_world``, with ``demo_process`` beside it) in
a conftest.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.demo import DemoWorld, running_demo

__all__ = ["demo_process", "demo_world", "shared_demo_world"]


@pytest.fixture
def demo_world() -> Iterator[DemoWorld]:
    """A demo world of the test's own."""
    with running_demo() as world:
        yield world


@pytest.fixture(scope="session")
def demo_process() -> Iterator[DemoWorld]:
    """The process behind `shared_demo_world`; a test that stops it or its network for good harms the others."""
    with running_demo() as world:
        yield world


@pytest.fixture
def shared_demo_world(demo_process: DemoWorld) -> DemoWorld:
    """The session's demo world, put back to the data of its start before each test."""
    demo_process.reset()
    return demo_process
