"""A page of another site, open in the browser of whoever runs the local network, can do nothing to it."""

from __future__ import annotations

import aiohttp
import pytest

from stonechat_aviary.opening import open_aviary

FOREIGN = (
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://["},
    {"Host": "evil.example"},
    {"Host": "127.0.0.1.evil.example:80"},
    {"Host": "[::1"},
    {"Sec-Fetch-Site": "cross-site"},
)


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_a_foreign_page_moves_no_lever_and_gets_no_session(headers: dict[str, str]) -> None:
    async with open_aviary() as network, aiohttp.ClientSession() as client:
        for path in ("/aviary/levers", "/aviary/sessions", "/aviary/clock", "/aviary/levers/reset"):
            async with client.post(network.url + path, json={}, headers=headers) as answer:
                assert answer.status in {400, 403}, path
        async with client.post(
            f"{network.url}/aviary/levers", json={}, headers={"Origin": network.url}
        ) as own:
            assert own.status == 200
