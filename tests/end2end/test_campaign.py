"""Ten tellings of the story: half of the answers lost, some writes late, the client killed; each thing is there once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.end2end.campaign import Campaign, Run, open_campaign

SEEDS = range(1, 11)


@pytest.fixture(scope="module")
def campaign() -> Iterator[Campaign]:
    with open_campaign() as opened:
        yield opened


@pytest.fixture(scope="module")
def told() -> list[Run]:
    return []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
def test_each_thing_is_there_exactly_once(campaign: Campaign, told: list[Run], seed: int) -> None:
    run = campaign.run(seed)
    told.append(run)
    assert run.problems == []


def test_the_tellings_were_not_easy(told: list[Run]) -> None:
    if len(told) < len(SEEDS):
        pytest.skip("only some of the seeds were told")
    assert sum(run.deaths for run in told) >= len(told)
    assert sum(run.lost_answers for run in told) >= len(told)
