"""A server that answers nothing is given up for a while, so that a run does not try each of its files."""

from __future__ import annotations

import asyncio
import math
import socket

from minimirror.upstream import FetchError, Pace
from minimirror.upstream.http import Request
from minimirror.upstream.transfers import Transfers
from tests.helpers.index import Index

PATIENCE = 0.3


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def get(transfers: Transfers, url: str) -> FetchError | None:
    """Return the error, or None after an answer."""
    try:
        await transfers.get(Request(url, {}, math.inf))
    except FetchError as error:
        return error
    return None


def test_a_server_that_is_down_is_given_up_until_it_is_back(index: Index) -> None:
    index.add_wheel("demo", "1.0")
    page = f"{index.url}demo/"

    async def scenario() -> None:
        transfers = Transfers(index.url, Pace(), connections=4, streams=4, patience=PATIENCE)
        gone = f"http://127.0.0.1:{closed_port()}/"
        errors: list[FetchError] = []
        while not errors or errors[-1].transient:
            error = await get(transfers, gone)
            assert error is not None
            errors.append(error)
            await asyncio.sleep(PATIENCE / 100)
        assert len(errors) > 30
        assert errors[-1].cause == errors[0].cause
        # Other servers are not concerned.
        assert await get(transfers, page) is None
        # One request is sent now and then.
        while not (await get(transfers, gone) or errors[-1]).transient:
            await asyncio.sleep(PATIENCE / 10)
        transfers.close()

    asyncio.run(scenario())


def test_a_server_that_answers_is_not_given_up(index: Index) -> None:
    index.add_wheel("demo", "1.0")

    async def scenario() -> None:
        transfers = Transfers(index.url, Pace(), connections=4, streams=4, patience=0.01)
        for _ in range(50):
            assert await get(transfers, f"{index.url}demo/") is None
            error = await get(transfers, f"{index.url}nope/")
            assert error is not None
        transfers.close()

    asyncio.run(scenario())
