# SPDX-License-Identifier: MIT
"""A client with python websockets that goes through all cases of "websock test --serve":
client_websockets.py URL AGENT"""
import asyncio
import sys

import websockets

from case_loop import all_cases

url, agent = sys.argv[1:]


async def visit(path, echo=False):
    """The last message that came, once the connection has ended, for whatever reason."""
    last = ""
    try:
        async with websockets.connect(url + path, max_size=32 << 20) as ws:
            # It follows redirections, to where nobody has a case for it.
            if ws.path != path:
                return last
            async for message in ws:
                if echo:
                    await ws.send(message)
                last = message
    except Exception:
        pass
    return last


asyncio.run(all_cases(visit, agent))
