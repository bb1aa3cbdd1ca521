// SPDX-License-Identifier: MIT
// A client with the WebSocket that Node.js, bun and browsers have of themselves, which goes through
// all cases of "websock test --serve": client_node.mjs URL AGENT
const [url, agent] = process.argv.slice(2);

// Node.js 20 leaves some connections without an event "close". Where nothing else keeps it running,
// that one has ended.
let finish = () => {};
process.on('beforeExit', () => finish());

// The last message that came, once the connection has ended.
const visit = (path, echo) =>
  new Promise((resolve) => {
    let last = '';
    let opened = false;
    finish = () => resolve(last);
    const ws = new WebSocket(url + path);
    ws.binaryType = 'arraybuffer';
    ws.onopen = () => {
      opened = true;
    };
    ws.onmessage = ({ data }) => {
      if (echo) ws.send(data);
      else last = data;
    };
    ws.onerror = () => {
      if (!opened) finish();
    };
    ws.onclose = () => finish();
  });

const count = Number(await visit('/getCaseCount', false));
for (let n = 1; n <= count; n++) await visit(`/runCase?case=${n}&agent=${agent}`, true);
await visit(`/updateReports?agent=${agent}`, false);
process.exit(count > 0 ? 0 : 1);
