// SPDX-License-Identifier: MIT
// An echo server with bun: bun echo_bun.js PORT [MODE [CERT KEY]]
const [port, mode, cert, key] = process.argv.slice(2);
const compress = mode === undefined || mode === 'deflate' || mode === 'dense';
const server = Bun.serve({
  port: Number(port),
  hostname: '127.0.0.1',
  tls: mode === 'tls' ? { cert: Bun.file(cert), key: Bun.file(key) } : undefined,
  fetch(request, server) {
    return server.upgrade(request) ? undefined : new Response('no', { status: 400 });
  },
  websocket: {
    perMessageDeflate:
      mode === 'dense' ? { compress: 'dedicated', decompress: 'dedicated' } : compress,
    maxPayloadLength: 32 << 20,
    backpressureLimit: 64 << 20,
    open(ws) {
      if (mode === 'broadcast') ws.subscribe('all');
    },
    message:
      mode === 'broadcast'
        ? (ws, message) => server.publish('all', message)
        : (ws, message) => ws.send(message, compress),
  },
});
