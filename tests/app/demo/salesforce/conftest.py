"""A world of its own for these tests: small, with every kind of rule, and known to the last record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.demo.salesforce.rest_client import Rest
from tests.servers.demo import DemoWorld, running_demo

FIXTURE = Path(__file__).with_name("org.json")
PROD = "00D5e000000PRODEA4"


@pytest.fixture(scope="session")
def salesforce_process() -> Iterator[DemoWorld]:
    """The process behind `world`."""
    with running_demo(fixture=FIXTURE) as world:
        yield world


@pytest.fixture
def world(salesforce_process: DemoWorld) -> DemoWorld:
    """The world, put back to its first state."""
    salesforce_process.reset()
    return salesforce_process


@pytest.fixture
def rita(world: DemoWorld) -> Rest:
    """Rita Rep, profile Sales."""
    return Rest.of(world)


@pytest.fixture
def sam(world: DemoWorld) -> Rest:
    """Sam Support, profile Support: no leads, no amounts."""
    return Rest.of(world, "sam@rita.example")


@pytest.fixture
def admin(world: DemoWorld) -> Rest:
    """The administrator."""
    return Rest.of(world, "admin@rita.example")
