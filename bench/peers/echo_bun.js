// SPDX-License-Identifier: MIT
// An echo server with bun: bun echo_bun.js PORT
Bun.serve({
  port: Number(process.argv[2]),
  hostname: '127.0.0.1',
  fetch(request, server) {
    return server.upgrade(request) ? undefined : new Response('no', { status: 400 });
  },
  websocket: {
    perMessageDeflate: true,
    maxPayloadLength: 32 << 20,
    backpressureLimit: 64 << 20,
    message(ws, message) {
      ws.send(message, true);
    },
  },
});
