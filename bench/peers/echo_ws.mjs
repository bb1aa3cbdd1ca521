// SPDX-License-Identifier: MIT
// An echo server with npm ws: echo_ws.mjs PORT [MODE [CERT KEY]]
import { readFileSync } from 'node:fs';
import { createServer as createSecureServer } from 'node:https';
import { WebSocketServer } from 'ws';

const [port, mode, cert, key] = process.argv.slice(2);
const deflate = {
  threshold: 0,
  zlibDeflateOptions: { level: mode === 'deflate' ? 1 : 6 },
};
const where = { port: Number(port), host: '127.0.0.1', backlog: 4096 };
// What asks for no WebSocket, too, gets an answer, as it does where ws has the port by itself.
const refuse = (request, response) => {
  request.resume();
  response.writeHead(426, { 'Content-Type': 'text/plain', Upgrade: 'websocket' });
  response.end('this is a WebSocket: connect to it with a WebSocket client\n');
};
const server =
  mode === 'tls'
    ? createSecureServer({ cert: readFileSync(cert), key: readFileSync(key) }, refuse)
    : null;
const wss = new WebSocketServer({
  ...(server ? { server } : where),
  perMessageDeflate: mode === undefined || mode === 'deflate' || mode === 'dense' ? deflate : false,
  maxPayload: 32 << 20,
});
wss.on('connection', (ws) => {
  ws.on('error', () => {});
  ws.on('message', (data, binary) => {
    if (mode !== 'broadcast') ws.send(data, { binary });
    else for (const client of wss.clients) client.send(data, { binary });
  });
});
server?.listen(where);
