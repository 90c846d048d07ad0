"""A turn's time, divided among its stages."""

import asyncio

import pytest

from gateway.turn.budget import Budget, BudgetPlan
from gateway.turn.types import Stage
from services.serving.errors import DeadlineExceeded
from tests.harness.virtual_time import VirtualClock, run_virtually


def test_a_budget_leaves_time_for_what_follows() -> None:
    async def spend() -> None:
        clock = VirtualClock()
        budget = Budget(clock, 10.2, BudgetPlan(shares={Stage.ASR: 0.6}, reserve_seconds=0.2))
        assert budget.seconds_for(Stage.ASR) == pytest.approx(6.0)
        await asyncio.sleep(6.0)
        assert budget.seconds_for(Stage.ASR) == pytest.approx(2.4)
        assert budget.seconds_for(Stage.TTS) == pytest.approx(4.0)  # without a share: all
        await asyncio.sleep(4.0)
        with pytest.raises(DeadlineExceeded):
            budget.seconds_for(Stage.TTS)

    run_virtually(spend())


def test_a_stage_that_the_turn_can_do_without_has_a_limit_of_its_own() -> None:
    async def spend() -> None:
        plan = BudgetPlan(shares={Stage.VISION: 0.5}, most_seconds={Stage.VISION: 2.0}, reserve_seconds=0.0)
        budget = Budget(VirtualClock(), 10.0, plan)
        assert budget.seconds_for(Stage.VISION) == pytest.approx(2.0)
        await asyncio.sleep(8.0)
        assert budget.seconds_for(Stage.VISION) == pytest.approx(1.0)

    run_virtually(spend())


def test_a_share_is_a_share() -> None:
    with pytest.raises(ValueError, match="share"):
        BudgetPlan(shares={Stage.ASR: 1.5})
