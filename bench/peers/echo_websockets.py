# SPDX-License-Identifier: MIT
"""An echo server with python websockets: echo_websockets.py PORT"""
import asyncio
import sys

import websockets


async def echo(ws, path=None):
    async for message in ws:
        await ws.send(message)


async def main():
    async with websockets.serve(echo, "127.0.0.1", int(sys.argv[1]), max_size=32 << 20):
        await asyncio.Future()


asyncio.run(main())
