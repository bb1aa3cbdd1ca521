# SPDX-License-Identifier: MIT
"""A client with python websockets that goes through all cases of "websock test --serve":
client_websockets.py URL AGENT"""
import asyncio
import sys

import websockets

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


async def main():
    count = int(await visit("/getCaseCount"))
    for n in range(1, count + 1):
        await visit(f"/runCase?case={n}&agent={agent}", echo=True)
    await visit(f"/updateReports?agent={agent}")


asyncio.run(main())
