# SPDX-License-Identifier: MIT
"""A client with python tornado that goes through all cases of "websock test --serve":
client_tornado.py URL AGENT"""
import asyncio
import logging
import sys

from tornado.websocket import websocket_connect

url, agent = sys.argv[1:]


async def visit(path, echo=False):
    """The last message that came, once the connection has ended, for whatever reason."""
    last = ""
    try:
        ws = await websocket_connect(url + path, compression_options={},
                                     max_message_size=32 << 20)
        while (message := await ws.read_message()) is not None:
            if echo:
                await ws.write_message(message, binary=isinstance(message, bytes))
            last = message
    except Exception:
        pass
    return last


async def main():
    count = int(await visit("/getCaseCount"))
    for n in range(1, count + 1):
        await visit(f"/runCase?case={n}&agent={agent}", echo=True)
    await visit(f"/updateReports?agent={agent}")


logging.disable()
asyncio.run(main())
