# SPDX-License-Identifier: MIT
"""A client with python aiohttp that goes through all cases of "websock test --serve":
client_aiohttp.py URL AGENT"""
import asyncio
import functools
import sys

import aiohttp

from case_loop import all_cases

url, agent = sys.argv[1:]


async def visit(session, path, echo=False):
    """The last message that came, once the connection has ended, for whatever reason."""
    last = ""
    try:
        async with session.ws_connect(url + path, compress=15, max_msg_size=32 << 20) as ws:
            async for message in ws:
                if message.type == aiohttp.WSMsgType.TEXT:
                    last = message.data
                    if echo:
                        await ws.send_str(message.data)
                elif message.type == aiohttp.WSMsgType.BINARY and echo:
                    await ws.send_bytes(message.data)
    except Exception:
        pass
    return last


async def stay_here(session, context, params):
    """Where it is sent to, nobody has a case for it."""
    raise aiohttp.ClientError("redirected")


async def main():
    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(stay_here)
    async with aiohttp.ClientSession(trace_configs=[trace]) as session:
        await all_cases(functools.partial(visit, session), agent)


asyncio.run(main())
