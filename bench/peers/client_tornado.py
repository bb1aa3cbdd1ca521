# SPDX-License-Identifier: MIT
"""A client with python tornado that goes through all cases of "websock test --serve":
client_tornado.py URL AGENT"""
import asyncio
import logging
import sys

from tornado.websocket import websocket_connect

from case_loop import all_cases

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


logging.disable()
asyncio.run(all_cases(visit, agent))
