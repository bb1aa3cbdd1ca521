// SPDX-License-Identifier: MIT
// An echo server with npm ws: echo_ws.mjs PORT
import { WebSocketServer } from 'ws';
const wss = new WebSocketServer({
  port: Number(process.argv[2]),
  host: '127.0.0.1',
  perMessageDeflate: { threshold: 0 },
  maxPayload: 32 << 20,
});
wss.on('connection', (ws) => {
  ws.on('error', () => {});
  ws.on('message', (data, binary) => ws.send(data, { binary }));
});
