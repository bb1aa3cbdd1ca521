// SPDX-License-Identifier: MIT
// A client with npm ws that goes through all cases of "websock test --serve":
// client_ws.mjs URL AGENT
import { WebSocket } from 'ws';

const [url, agent] = process.argv.slice(2);
const options = { maxPayload: 32 << 20, perMessageDeflate: { threshold: 0 } };

// The last message that came, once the connection has ended.
const visit = (path, echo) =>
  new Promise((resolve) => {
    let last = '';
    const ws = new WebSocket(url + path, options);
    ws.on('error', () => {});
    ws.on('message', (data, binary) => {
      if (echo) ws.send(data, { binary });
      else last = data.toString();
    });
    ws.on('close', () => resolve(last));
  });

const count = Number(await visit('/getCaseCount', false));
for (let n = 1; n <= count; n++) await visit(`/runCase?case=${n}&agent=${agent}`, true);
await visit(`/updateReports?agent=${agent}`, false);
process.exit(count > 0 ? 0 : 1);
