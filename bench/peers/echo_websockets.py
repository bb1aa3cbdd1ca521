# SPDX-License-Identifier: MIT
"""An echo server with python websockets: echo_websockets.py PORT [MODE [CERT KEY]]"""
import asyncio
import ssl
import sys

import websockets

mode = sys.argv[2] if len(sys.argv) > 2 else "deflate"


async def echo(ws, path=None):
    async for message in ws:
        await ws.send(message)


async def main():
    tls = None
    if mode == "tls":
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(sys.argv[3], sys.argv[4])
    async with websockets.serve(
            echo, "127.0.0.1", int(sys.argv[1]), max_size=32 << 20, ssl=tls, backlog=4096,
            compression="deflate" if mode in ("deflate", "dense") else None):
        await asyncio.Future()


asyncio.run(main())
