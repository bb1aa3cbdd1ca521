// SPDX-License-Identifier: MIT
// The WebSocket client that Node.js has built in (undici's) against "websock serve", over one
// backend and one scheme, with and without compression. FILE WEBSOCK IO SCHEME
import { spawnSync } from "node:child_process";
import { dirname } from "node:path";

import { equal, everyCharacter, io, makeCertificate, missingBackend, noise, note, ok, prose, runTests,
  scheme, scripts, serve, skipAll, Skip, test, within } from "./harness.mjs";

// Whom the client trusts, and whether there is one at all (Debian 12's Node.js 18 has none), is
// settled when Node.js starts.
if (!process.env.INTEROP_CERTIFICATE) {
  const flag = "--experimental-websocket";
  const flags = typeof WebSocket === "undefined" ? [flag] : [];
  if (flags.length > 0 && !process.allowedNodeEnvironmentFlags.has(flag)) {
    skipAll(`Node.js ${process.version} has no WebSocket client`);
  }
  const { cert } = makeCertificate();
  const child = spawnSync(process.execPath, ["--no-warnings", ...flags, ...process.argv.slice(1)], {
    stdio: "inherit",
    env: { ...process.env, NODE_EXTRA_CA_CERTS: cert, INTEROP_CERTIFICATE: dirname(cert) },
  });
  process.exit(child.status ?? 1);
}
const missing = await missingBackend();
if (missing) skipAll(missing);

// ------------------------------------------------------------------------------------- client

function connect(url, protocols = [], binaryType = "arraybuffer") {
  const ws = new WebSocket(url, protocols);
  ws.binaryType = binaryType;
  ws.inbox = [];
  ws.wake = () => {};
  ws.addEventListener("message", (event) => { ws.inbox.push(event.data); ws.wake(); });
  ws.done = new Promise((resolve) => ws.addEventListener("close", (event) => {
    resolve({ code: event.code, reason: event.reason, clean: event.wasClean });
    ws.wake();
  }));
  return within(10000, "connection", new Promise((resolve, reject) => {
    ws.addEventListener("open", () => resolve(ws));
    ws.addEventListener("error", (event) => reject(event.error ?? new Error(event.message ?? "not connected")));
  }));
}

async function receive(ws) {
  while (ws.inbox.length === 0) {
    ok(ws.readyState < WebSocket.CLOSED, "the connection is closed, messages are missing");
    await within(15000, "message", new Promise((resolve) => { ws.wake = resolve; }));
  }
  const data = ws.inbox.shift();
  if (typeof data === "string") return data;
  return Buffer.from(data instanceof Blob ? await data.arrayBuffer() : data);
}

async function echo(ws, message, what) {
  ws.send(message);
  equal(await receive(ws), message, what);
}

async function finish(ws, code = 1000, reason = "") {
  ws.close(code, reason);
  const end = await within(10000, "end of the connection", ws.done);
  equal(end.code, code, "the close code that came back");
  equal(end.clean, true, "wasClean");
}

// -------------------------------------------------------------------------------------- tests

function common(name, args, compressed) {
  const label = (text) => `${name}: ${text}`;
  let server;

  test(label("connects"), async () => {
    server = await serve(args);
    const ws = await connect(server.url);
    equal(ws.protocol, "", "subprotocol");
    await echo(ws, "first", "the echo");
    note(`extensions: ${ws.extensions || "none"}`);
    const offers = ws.extensions !== "";
    await finish(ws);
    if (!compressed) equal(offers, false, "an extension although the server has none");
    else if (!offers) throw new Skip("this client offers no compression");
  });

  test(label("text in every script, every character there is"), async () => {
    const ws = await connect(server.url);
    for (const [script, text] of Object.entries(scripts)) await echo(ws, text, script);
    const parts = everyCharacter(4096);
    parts.forEach((s) => ws.send(s));
    for (const s of parts) equal(await receive(ws), s, `from U+${s.codePointAt(0).toString(16)}`);
    await echo(ws, "", "nothing");
    await finish(ws);
  });

  test(label("binary messages as Blob and ArrayBuffer"), async () => {
    for (const type of ["blob", "arraybuffer"]) {
      const ws = await connect(server.url, [], type);
      for (const n of [0, 1, 125, 126, 127, 128, 1000, 65535, 65536, 65537, 70000]) {
        await echo(ws, noise(n), `${n} octets`);
        ws.send(new Blob([noise(n, 2)]));
        equal(await receive(ws), noise(n, 2), `a Blob of ${n} octets`);
        ws.send(new Uint8Array(noise(n, 3)).buffer);
        equal(await receive(ws), noise(n, 3), `an ArrayBuffer of ${n} octets`);
      }
      await finish(ws);
    }
  });

  // undici fails the connection when more than 4 MiB come out of one compressed message.
  const large = compressed ? 4 << 20 : 16 << 20;
  test(label(`messages of ${large >> 20} MiB`), async () => {
    const ws = await connect(server.url);
    await echo(ws, noise(large), "binary");
    await echo(ws, prose(large), "text");
    await finish(ws);
  });

  test(label("close codes and reasons"), async () => {
    for (const code of [1000, 3000, 3999, 4000, 4999]) {
      await finish(await connect(server.url), code, "because");
      await finish(await connect(server.url), code, "κ".repeat(61));
      await finish(await connect(server.url), code);
    }
    const ws = await connect(server.url);
    ws.close();
    equal((await within(5000, "close", ws.done)).code, 1005, "the answer to a close frame without a code");
  });

  test(label("100 connections, closed by SIGTERM with 1001"), async () => {
    const all = await Promise.all([...Array(100).keys()].map(() => connect(server.url)));
    await Promise.all(all.map((ws, i) => echo(ws, `${i} ${prose(300, i)}`, `connection ${i}`)));
    await Promise.all([server.stop(), ...all.map(async (ws) => {
      const end = await within(5000, "close", ws.done);
      equal(end.code, 1001, "the close code");
      equal(end.clean, true, "wasClean");
    })]);
  });

  test(label("1009 for a message past --max-message"), async () => {
    const small = await serve([...args, "--max-message", "1000"]);
    const ws = await connect(small.url);
    await echo(ws, prose(1000), "the largest message that fits");
    ws.send(prose(100000));
    const end = await within(5000, "close", ws.done);
    equal(end.code, 1009, "the close code");
    await small.stop();
  });
}

common("plain", ["--no-compression"], false);
common("compressed", ["--compression-threshold", "1"], true);

test("subprotocols", async () => {
  const server = await serve(["--subprotocol", "v2", "--subprotocol", "v1"]);
  for (const [offered, wanted] of [[["v1", "v2"], "v2"], [["v1"], "v1"]]) {
    const ws = await connect(server.url, offered);
    equal(ws.protocol, wanted, `of ${offered}`);
    await finish(ws);
  }
  await server.stop();
});

test("a refused handshake is an error", async () => {
  const server = await serve();
  let refused = false;
  await connect(server.url.replace("/ws", "/other")).catch(() => { refused = true; });
  ok(refused, "another path was accepted");
  await server.stop();
});

note(`Node.js ${process.version}, undici ${process.versions.undici}, ${io}, ${scheme}`);
await runTests();
