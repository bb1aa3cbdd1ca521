# SPDX-License-Identifier: MIT
"""An echo server with Tornado: echo_tornado.py PORT"""
import sys

import tornado.ioloop
import tornado.web
import tornado.websocket


class Echo(tornado.websocket.WebSocketHandler):
    def check_origin(self, origin):
        return True

    def get_compression_options(self):
        return {}

    def on_message(self, message):
        self.write_message(message, isinstance(message, bytes))


app = tornado.web.Application([(r"/.*", Echo)], websocket_max_message_size=32 << 20)
app.listen(int(sys.argv[1]), "127.0.0.1")
tornado.ioloop.IOLoop.current().start()
