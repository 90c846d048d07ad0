"""Sessions that belong to a call, on a real database."""

import asyncio
from dataclasses import replace

import pytest

from gateway.sessions.store import SqlTurnStore
from gateway.turn.types import DialogueState
from services.serving.errors import Aborted
from tests.fakes.turn import STATE
from tests.unit.gateway.stored_turns import EVENTS, TURN, take


async def test_a_held_session_takes_nobody_elses_turns(store: SqlTurnStore) -> None:
    async with store.hold("demo", "s1"):
        with pytest.raises(Aborted) as refused:
            await take(store, TURN)
        assert refused.value.reason == "TURN_IN_PROGRESS"
        with pytest.raises(Aborted):
            async with store.hold("demo", "s1"):
                pass
        await take(store, replace(TURN, session_id="s2"))
        await take(store, replace(TURN, tenant="other"))
    await take(store, TURN)


async def test_a_session_is_not_held_while_a_turn_is_open(store: SqlTurnStore) -> None:
    async with store.open(TURN):
        with pytest.raises(Aborted):
            async with store.hold("demo", "s1"):
                pass


async def test_a_held_session_goes_on_from_its_state(store: SqlTurnStore) -> None:
    async with store.hold("demo", "s1") as new:
        assert new.state is None
        async with new.open(TURN) as opened:
            await opened.complete(EVENTS, STATE)
    async with store.hold("demo", "s1") as known:
        assert known.state == STATE


async def test_a_turn_that_leads_nowhere_leaves_the_state_as_it_was(store: SqlTurnStore) -> None:
    async with store.hold("demo", "s1") as session:
        async with session.open(TURN) as opened:
            await opened.complete(EVENTS, DialogueState(b"first", "shop@1"))
        async with session.open(replace(TURN, turn_id="t2")) as opened:
            await opened.complete(EVENTS, None)
    async with store.hold("demo", "s1") as known:
        assert known.state == DialogueState(b"first", "shop@1")
    conversation = await store.conversation("demo", "s1", after_number=0, limit=10)
    assert [turn.turn_id for turn in conversation.turns] == ["t1", "t2"]


async def test_the_next_turn_waits_until_the_one_before_is_closed(store: SqlTurnStore) -> None:
    order = []
    async with store.hold("demo", "s1") as session:

        async def second() -> None:
            async with session.open(replace(TURN, turn_id="t2")):
                order.append("second")

        async with session.open(TURN):
            waiting = asyncio.create_task(second())
            await asyncio.sleep(0)
            order.append("first")
        await waiting
    assert order == ["first", "second"]
