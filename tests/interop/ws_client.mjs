// SPDX-License-Identifier: MIT
// The client of npm's "ws" against "websock serve", over one backend and one scheme, with and
// without compression. FILE WEBSOCK IO SCHEME
import { acceptOf, equal, everyCharacter, makeCertificate, missingBackend, newKey, noise, note, ok,
  prose, rawExchange, runTests, scheme, scripts, serve, skipAll, sleep, test, within } from "./harness.mjs";

let WebSocket;
try {
  ({ WebSocket } = await import("ws"));
} catch {
  skipAll("npm's ws is not installed (tests/interop/setup)");
}
const missing = await missingBackend();
if (missing) skipAll(missing);

// ------------------------------------------------------------------------------------- client

const events = (ws, name) => within(10000, `event "${name}"`, new Promise((resolve, reject) => {
  ws.once(name, (...args) => resolve(args));
  if (name !== "error") ws.once("error", reject);
}));

function open(url, options = {}) {
  const { protocols = [], ...rest } = options;
  const ws = new WebSocket(url, protocols, {
    maxPayload: 0, perMessageDeflate: false,
    ...(url.startsWith("wss:") ? { ca: makeCertificate().ca } : {}), ...rest,
  });
  ws.inbox = [];
  ws.wake = () => {};
  ws.on("message", (data, isBinary) => {
    ws.inbox.push(isBinary ? data : data.toString("utf8"));
    ws.wake();
  });
  // A reset connection shows here even when nobody waits for anything.
  ws.trouble = null;
  ws.on("error", (e) => { ws.trouble ??= e; ws.wake(); });
  ws.done = new Promise((resolve) => ws.on("close", (code, reason) => {
    resolve({ code, reason: reason.toString("utf8") });
    ws.wake();
  }));
  return ws;
}

async function connect(url, options) {
  const ws = open(url, options);
  await events(ws, "open");
  return ws;
}

async function receive(ws, limit = 15000) {
  while (ws.inbox.length === 0) {
    if (ws.trouble) throw ws.trouble;
    ok(ws.readyState < WebSocket.CLOSED, "the connection is closed, messages are missing");
    await within(limit, "message", new Promise((resolve) => { ws.wake = resolve; }));
  }
  return ws.inbox.shift();
}

async function finish(ws, code = 1000, reason = "") {
  ws.close(code, reason);
  const end = await within(10000, "end of the connection", ws.done);
  if (ws.trouble) throw ws.trouble;
  equal(end.code, code, "the close code that came back");
  return end;
}

async function echo(ws, message, what) {
  ws.send(message);
  equal(await receive(ws), message, what);
}

// A refused handshake: the response with its body, after the connection ended.
function refused(url, options) {
  return within(10000, "refusal", new Promise((resolve, reject) => {
    const ws = open(url, options);
    ws.on("open", () => reject(new Error("the handshake was not refused")));
    ws.on("unexpected-response", (request, response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (d) => { body += d; });
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body }));
      response.on("error", reject);
    });
  }));
}

// Octets past the API of the client, below its framing.
function frame(opcode, payload, { fin = true, rsv = 0, masked = true } = {}) {
  const body = Buffer.from(payload);
  const head = [(fin ? 0x80 : 0) | rsv << 4 | opcode];
  const bit = masked ? 0x80 : 0;
  if (body.length < 126) head.push(bit | body.length);
  else if (body.length < 65536) head.push(bit | 126, body.length >> 8, body.length & 255);
  else head.push(bit | 127, 0, 0, 0, 0, ...[24, 16, 8, 0].map((s) => body.length >>> s & 255));
  return Buffer.concat([Buffer.from(head), masked ? Buffer.alloc(4) : Buffer.alloc(0), body]);
}

// --------------------------------------------------------------------- the same in both modes

function common(name, compressed) {
  const offer = { perMessageDeflate: compressed ? { threshold: 0 } : false };
  const args = compressed ? ["--compression-threshold", "1"] : ["--no-compression"];
  const label = (text) => `${name}: ${text}`;
  let server;

  test(label("connects"), async () => {
    server = await serve(args);
    const ws = await connect(server.url, { perMessageDeflate: { threshold: 0 } });
    equal(ws.extensions, compressed ? "permessage-deflate" : "", "the extensions in use");
    await finish(ws);
  });

  test(label("text in every script"), async () => {
    const ws = await connect(server.url, offer);
    for (const [script, text] of Object.entries(scripts)) await echo(ws, text, script);
    await echo(ws, Object.values(scripts).join("\n"), "all scripts");
    await finish(ws);
  });

  test(label("every character there is"), async () => {
    const ws = await connect(server.url, offer);
    const parts = everyCharacter(4096);
    parts.forEach((s) => ws.send(s));
    for (const s of parts) equal(await receive(ws), s, `from U+${s.codePointAt(0).toString(16)}`);
    await finish(ws);
  });

  test(label("empty messages"), async () => {
    const ws = await connect(server.url, offer);
    for (const message of ["", Buffer.alloc(0), "", Buffer.alloc(0)]) await echo(ws, message, "nothing");
    await finish(ws);
  });

  test(label("binary messages of 0 to 70000 octets"), async () => {
    const ws = await connect(server.url, offer);
    const sizes = [...Array(300).keys(), 65534, 65535, 65536, 65537, 70000];
    for (let n = 300; n < 70000; n += 997) sizes.push(n);
    const data = noise(70000);
    sizes.forEach((n) => ws.send(data.subarray(0, n)));
    for (const n of sizes) equal(await receive(ws), data.subarray(0, n), `${n} octets`);
    await finish(ws);
  });

  test(label("messages of 16 MiB"), async () => {
    const ws = await connect(server.url, offer);
    await echo(ws, noise(16 << 20), "binary");
    await echo(ws, prose(16 << 20), "text");
    await finish(ws);
  });

  test(label("fragmented messages with pings between the fragments"), async () => {
    const ws = await connect(server.url, offer);
    const pongs = [];
    ws.on("pong", (d) => pongs.push(d.toString()));
    const send = (data, fin, binary) => ws.send(data, { fin, binary, compress: compressed });
    const text = Object.values(scripts).join("");
    const octets = Buffer.from(text);
    for (const size of [1, 3, 125, 1000]) {
      for (let at = 0; at < octets.length; at += size) send(octets.subarray(at, at + size), false, false);
      ws.ping(`between ${size}`);
      send("", true, false);
      equal(await receive(ws), text, `fragments of ${size} octets`);
    }
    const big = noise(300000, 7);
    for (let at = 0; at < big.length; at += 70000) send(big.subarray(at, at + 70000), at + 70000 >= big.length, true);
    equal(await receive(ws), big, "large fragments");
    send("", false, false);
    send("", false, false);
    send("", true, false);
    equal(await receive(ws), "", "empty fragments");
    equal(pongs.join(), "between 1,between 3,between 125,between 1000", "the pongs");
    await finish(ws);
  });

  test(label("pongs carry the payload of the ping"), async () => {
    const ws = await connect(server.url, offer);
    for (const n of [0, 1, 4, 124, 125]) {
      const payload = noise(n, n + 1);
      ws.ping(payload);
      equal((await events(ws, "pong"))[0], payload, `${n} octets`);
    }
    ws.pong("nobody asked");
    await echo(ws, "still there", "after a pong that nobody asked for");
    await finish(ws);
  });

  test(label("every close code with its answer"), async () => {
    const codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999];
    for (const code of codes) {
      await finish(await connect(server.url, offer), code, `because of ${code}`);
      await finish(await connect(server.url, offer), code);
    }
    await finish(await connect(server.url, offer), 1000, "κ".repeat(61));
    const ws = await connect(server.url, offer);
    ws.close();
    equal((await ws.done).code, 1005, "the answer to a close frame without a code");
    equal(ws.trouble, null, "errors");
  });

  test(label("close frames that break the rules"), async () => {
    const bad = (code, reason = "") => Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]);
    const trials = [[Buffer.from([3]), 1002],
      [Buffer.from([3, 0xe8, 0xc3, 0x28]), 1007]];
    for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535]) trials.push([bad(code), 1002]);
    for (const [payload, wanted] of trials) {
      const ws = await connect(server.url, offer);
      ws._socket.write(frame(8, payload));
      const { code } = await within(5000, "close", ws.done);
      equal(ws.trouble, null, "errors");
      equal(code, wanted, `the answer to ${payload.toString("hex")}`);
    }
  });

  test(label("broken rules: the close frame arrives before TCP ends"), async () => {
    // Behind each violation 256 KiB more are under way: a server that just closes its socket
    // resets the connection, and the close frame is lost.
    const more = frame(2, noise(65536));
    const trials = {
      "invalid UTF-8": [frame(1, [0xce, 0xba, 0xe1, 0xbd, 0xb9, 0xed, 0xa0, 0x80]), 1007],
      "UTF-8 cut off": [frame(1, [0xf0, 0x9f, 0x98]), 1007],
      "RSV2": [frame(1, "x", { rsv: 2 }), 1002],
      "RSV1 on a control frame": [frame(9, "x", { rsv: 4 }), 1002],
      "opcode 3": [frame(3, "x"), 1002],
      "opcode 11": [frame(11, "x"), 1002],
      "no mask": [frame(1, "x", { masked: false }), 1002],
      "a fragmented ping": [frame(9, "x", { fin: false }), 1002],
      "a ping of 126 octets": [frame(9, noise(126)), 1002],
      "a continuation of nothing": [frame(0, "x"), 1002],
      "a message within a message": [Buffer.concat([frame(1, "x", { fin: false }), frame(1, "y")]), 1002],
      "16 bits for a length of 5": [Buffer.from("81fe000500000000", "hex"), 1002],
      "a length of 2^63": [Buffer.from("82ff800000000000000000000000", "hex"), 1002],
      "a message of 2^40 octets": [Buffer.from("82ff000001000000000000000000", "hex"), 1009],
    };
    if (!compressed) trials.RSV1 = [frame(1, "x", { rsv: 4 }), 1002];
    else trials["no deflate data"] = [frame(1, [0xff, 0xff, 0xff], { rsv: 4 }), 1007];
    for (const [what, [octets, wanted]] of Object.entries(trials)) {
      const ws = await connect(server.url, offer);
      ws._socket.write(Buffer.concat([octets, more, more, more, more]));
      const { code } = await within(5000, `close after ${what}`, ws.done);
      if (ws.trouble) throw new Error(`${what}: ${ws.trouble.message}`);
      equal(code, wanted, what);
    }
  });

  test(label("a message past --max-message gets 1009"), async () => {
    const small = await serve([...args, "--max-message", "1000"]);
    for (const message of [prose(1001), noise(1001), prose(500000), noise(500000)]) {
      const ws = await connect(small.url, offer);
      await echo(ws, prose(1000), "the largest message that fits");
      ws.send(message);
      const { code } = await within(5000, "close", ws.done);
      equal(ws.trouble, null, "errors");
      equal(code, 1009, `the close code for ${message.length}`);
    }
    await small.stop();
  });

  test(label("nothing is lost when the client does not read 64 MiB for a while"), async () => {
    const fresh = await serve(args);
    const ws = await connect(fresh.url, offer);
    const data = noise(65536, 3);
    const before = fresh.rss();
    ws.pause();
    for (let i = 0; i < 1024; i++) {
      const message = Buffer.from(data);
      message.writeUInt32BE(i);
      ws.send(message);
    }
    await sleep(300);
    const grown = fresh.rss() - before;
    note(`the server grew by ${(grown / 1048576).toFixed(1)} MiB meanwhile`);
    if (!process.env.INTEROP_SANITIZED) ok(grown < 32 << 20, `the server kept ${grown} octets`);
    ws.resume();
    for (let i = 0; i < 1024; i++) {
      const message = await receive(ws);
      equal(message.length, data.length, `the length of message ${i}`);
      equal(message.readUInt32BE(), i, "the number of the message");
      ok(message.subarray(4).equals(data.subarray(4)), `message ${i} is damaged`);
    }
    await finish(ws);
    await fresh.stop();
  }, 60000);

  test(label("1,000 connections at once"), async () => {
    const all = [];
    for (let i = 0; i < 1000; i += 100) { // so many at a time that the handshakes stay in their deadline
      all.push(...await Promise.all([...Array(100).keys()].map(() => connect(server.url, offer))));
    }
    await Promise.all(all.map((ws, i) => echo(ws, `${i}: ${prose(200, i)}`, `connection ${i}`)));
    await Promise.all(all.map((ws) => finish(ws, 1001, "all at once")));
  }, 60000);

  test(label("a broadcast reaches 100 clients in the same order"), async () => {
    const tower = await serve([...args, "--broadcast"]);
    // Some compress and some do not.
    const all = await Promise.all([...Array(100).keys()].map((i) =>
      connect(tower.url, i % 2 ? offer : { perMessageDeflate: false })));
    const sent = [...Array(20).keys()].map((i) => (i % 5 ? `${i} ${prose(i * 50)}` : noise(i * 100, i + 1)));
    sent.forEach((message) => all[0].send(message));
    await Promise.all(all.map(async (ws, i) => {
      for (const message of sent) equal(await receive(ws), message, `client ${i}`);
    }));
    await Promise.all(all.map((ws) => finish(ws)));
    await tower.stop();
  });

  test(label("SIGTERM closes everybody with 1001"), async () => {
    const all = await Promise.all([...Array(50).keys()].map(() => connect(server.url, offer)));
    await Promise.all(all.map((ws, i) => echo(ws, `${i}`, "before the end")));
    await Promise.all([server.stop(), ...all.map(async (ws) => {
      equal((await within(5000, "close", ws.done)).code, 1001, "the close code");
      equal(ws.trouble, null, "errors");
    })]);
  });
}

// ---------------------------------------------------------------------------------- handshake

test("subprotocols: the first of the server's that the client offers", async () => {
  const server = await serve(["--subprotocol", "chat.v2", "--subprotocol", "chat.v1"]);
  for (const [offered, wanted] of [[["chat.v1", "chat.v2"], "chat.v2"], [["other", "chat.v1"], "chat.v1"], [[], ""]]) {
    const ws = await connect(server.url, { protocols: offered });
    equal(ws.protocol, wanted, `of ${offered}`);
    await finish(ws);
  }
  // "ws" wants one of its own chosen. That the server went on without is what it complains of.
  const none = open(server.url, { protocols: ["other"] });
  equal((await events(none, "error"))[0].message, "Server sent no subprotocol", "with no common one");
  await server.stop();
});

test("origins: 403 for pages of other hosts", async () => {
  const server = await serve();
  const evil = await refused(server.url, { origin: "https://attacker.example" });
  equal(evil.status, 403, "status");
  equal(evil.headers.connection, "close", "Connection");
  ok(evil.body.length > 0, "no word on why");
  const own = `${scheme === "wss" ? "https" : "http"}://127.0.0.1:${server.port}`;
  await finish(await connect(server.url, { origin: own }));
  await server.stop();

  const listed = await serve(["--origin", "https://example.org"]);
  await finish(await connect(listed.url, { origin: "https://example.org" }));
  equal((await refused(listed.url, { origin: "https://example.org.attacker.example" })).status, 403, "not on the list");
  await listed.stop();
});

test("refused handshakes: 404, 426, 431", async () => {
  const server = await serve();
  equal((await refused(server.url.replace("/ws", "/other"))).status, 404, "another path");
  const old = await refused(server.url, { protocolVersion: 8 });
  equal(old.status, 426, "version 8");
  equal(old.headers["sec-websocket-version"], "13", "the version that is spoken");
  equal((await refused(server.url, { headers: { "X-Long": "x".repeat(9000) } })).status, 431, "a long field");
  const many = Object.fromEntries([...Array(200).keys()].map((i) => [`X-${i}`, "1"]));
  equal((await refused(server.url, { headers: many })).status, 431, "many fields");
  await server.stop();
});

test("503 when all places are taken", async () => {
  const server = await serve(["--max-connections", "2"]);
  const two = [await connect(server.url), await connect(server.url)];
  equal((await refused(server.url)).status, 503, "status");
  await Promise.all(two.map((ws) => finish(ws)));
  let third = null; // when the server has noticed that the two are gone
  for (let i = 0; i < 50 && third === null; i++) {
    third = await connect(server.url).catch(() => sleep(20).then(() => null));
  }
  await finish(third);
  await server.stop();
});

test("408 when the request does not end", async () => {
  // Under memcheck the handshake of TLS, which counts, takes longer than what is wanted here.
  const time = 500 * Number(process.env.INTEROP_PATIENCE ?? 1);
  const server = await serve(["--open-timeout", process.env.WSK_TEST_VALGRIND ? "30s" : `${time}ms`]);
  const { status, head } = await rawExchange(server.url, "GET /ws HTTP/1.1\r\nHost: x\r\n");
  equal(status, 408, "status");
  ok(/^connection: close\r$/im.test(head), "no Connection: close");
  await server.stop();
});

test("frames right behind the request are answered", async () => {
  const server = await serve();
  const key = newKey();
  const request = `GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive, uPgRaDe\r\nUpgrade: WebSocket\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`;
  const { text } = await rawExchange(server.url,
    Buffer.concat([Buffer.from(request), frame(1, "early"), frame(8, [3, 0xe8])]));
  ok(text.startsWith("HTTP/1.1 101 "), `not accepted: ${text}`);
  ok(text.includes(acceptOf(key)), "the accept value is wrong");
  ok(text.endsWith("\x81\x05early\x88\x02\x03\xe8"), "the frames are missing");
  await server.stop();
});

// ------------------------------------------------------------- parameters of the compression

// The same over TLS: once is enough.
if (scheme === "ws") parameters();

function parameters() {
  async function negotiated(args, perMessageDeflate, check) {
    const server = await serve(["--compression-threshold", "1", ...args]);
    const ws = await connect(server.url, { perMessageDeflate: { threshold: 0, ...perMessageDeflate } });
    const parameters = ws._extensions["permessage-deflate"]?.params;
    check(parameters, `offer ${JSON.stringify(perMessageDeflate)}, server ${args.join(" ")}`);
    // "ws" inflates with the window that was agreed on: a server that refers further back shows.
    for (const n of [10, 300, 600, 5000, 40000, 200000]) {
      await echo(ws, prose(n, n), `${n} characters`);
      await echo(ws, prose(n, n), `${n} characters once more`);
      await echo(ws, noise(n, n), `${n} octets`);
    }
    await finish(ws);
    await server.stop();
  }

  test("server_max_window_bits from 8 to 15", async () => {
    for (let bits = 8; bits <= 15; bits++) {
      await negotiated([], { serverMaxWindowBits: bits }, (p, what) => {
        // Nothing agreed on is an honest answer to 8, which zlib cannot produce.
        if (bits > 8) ok(p, `${what}: declined`);
        if (p) equal(p.server_max_window_bits, bits, what);
      });
      await negotiated(["--server-window-bits", `${bits}`], { serverMaxWindowBits: undefined }, (p, what) => {
        if (bits > 8) ok(p, `${what}: declined`);
        if (p && bits < 15) equal(p.server_max_window_bits, bits, what);
      });
    }
  });

  test("client_max_window_bits from 8 to 15", async () => {
    for (let bits = 8; bits <= 15; bits++) {
      await negotiated([], { clientMaxWindowBits: bits }, (p, what) => {
        ok(p, `${what}: declined`);
        ok(p.client_max_window_bits <= bits, `${what}: ${p.client_max_window_bits}`);
      });
      await negotiated(["--client-window-bits", `${bits}`], { clientMaxWindowBits: true }, (p, what) => {
        ok(p, `${what}: declined`);
        if (bits < 15) equal(p.client_max_window_bits, bits, what);
      });
    }
  });

  test("no context takeover, asked for by either side", async () => {
    for (const own of [false, true]) {
      for (const others of [false, true]) {
        await negotiated([], { serverNoContextTakeover: own, clientNoContextTakeover: others }, (p, what) => {
          equal(p?.server_no_context_takeover ?? false, own, what);
          if (others) equal(p.client_no_context_takeover, true, what);
        });
        const args = [...(own ? ["--server-no-context-takeover"] : []), ...(others ? ["--client-no-context-takeover"] : [])];
        await negotiated(args, {}, (p, what) => {
          equal(p?.server_no_context_takeover ?? false, own, what);
          equal(p.client_no_context_takeover ?? false, others, what);
        });
      }
    }
  });

  test("all four parameters together", async () => {
    await negotiated([], { serverMaxWindowBits: 10, clientMaxWindowBits: 11, serverNoContextTakeover: true,
      clientNoContextTakeover: true }, (p, what) => {
      equal(p?.server_max_window_bits, 10, what);
      equal(p.client_max_window_bits, 11, what);
      equal(p.server_no_context_takeover, true, what);
      equal(p.client_no_context_takeover, true, what);
    });
  });
}

common("plain", false);
common("compressed", true);
await runTests();
