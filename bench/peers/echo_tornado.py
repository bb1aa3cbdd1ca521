# SPDX-License-Identifier: MIT
"""An echo server with Tornado: echo_tornado.py PORT [MODE [CERT KEY]]"""
import sys

import tornado.ioloop
import tornado.web
import tornado.websocket

mode = sys.argv[2] if len(sys.argv) > 2 else "deflate"


class Echo(tornado.websocket.WebSocketHandler):
    def check_origin(self, origin):
        return True

    def get_compression_options(self):
        return {} if mode in ("deflate", "dense") else None

    def on_message(self, message):
        self.write_message(message, isinstance(message, bytes))


tls = {"certfile": sys.argv[3], "keyfile": sys.argv[4]} if mode == "tls" else None
app = tornado.web.Application([(r"/.*", Echo)], websocket_max_message_size=32 << 20)
app.listen(int(sys.argv[1]), "127.0.0.1", ssl_options=tls, backlog=4096)
tornado.ioloop.IOLoop.current().start()
