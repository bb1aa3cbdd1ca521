# SPDX-License-Identifier: MIT
"""A client with python wsproto, which leaves the socket to the program, that goes through all cases
of "websock test --serve": client_wsproto.py URL AGENT. Messages go back in the pieces in which it
hands them out."""
import asyncio
import socket
import sys
import urllib.parse

from wsproto import ConnectionType, WSConnection, events
from wsproto.extensions import PerMessageDeflate
from wsproto.utilities import RemoteProtocolError

from case_loop import all_cases

url, agent = sys.argv[1:]
where = urllib.parse.urlsplit(url)


def answer(event, echo):
    """What the program has to say to it, None if that is nothing."""
    if isinstance(event, events.Message) and echo:
        return type(event)(data=event.data, frame_finished=event.frame_finished,
                           message_finished=event.message_finished)
    if isinstance(event, (events.Ping, events.CloseConnection)):
        return event.response()
    return None


async def visit(path, echo=False):
    """The text that came, once the connection has ended, for whatever reason."""
    ws, text = WSConnection(ConnectionType.CLIENT), ""
    try:
        with socket.create_connection((where.hostname, where.port)) as s:
            s.sendall(ws.send(events.Request(host=where.netloc, target=path,
                                             extensions=[PerMessageDeflate()])))
            while True:
                octets = s.recv(65536)
                try:
                    ws.receive_data(octets or None)
                    for event in ws.events():
                        if isinstance(event, events.RejectConnection):
                            return text
                        if isinstance(event, events.TextMessage) and not echo:
                            text += event.data
                        word = answer(event, echo)
                        if word is not None:
                            s.sendall(ws.send(word))
                except RemoteProtocolError as e:
                    # What to answer a fault by, if there is anything: to an answer of HTTP a client
                    # has nothing to say.
                    if isinstance(e.event_hint, events.CloseConnection):
                        s.sendall(ws.send(e.event_hint))
                    return text
                if not octets:
                    return text
    except Exception:
        return text


asyncio.run(all_cases(visit, agent))
