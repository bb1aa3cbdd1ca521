// SPDX-License-Identifier: MIT
// "websock connect" against the server of npm's ws, and this in turn. FILE WEBSOCK IO SCHEME
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import https from "node:https";
import http from "node:http";
import { equal, io, makeCertificate, missingBackend, noise, ok, prose, runTests, scheme, skipAll, sleep, test, websock,
  within } from "./harness.mjs";

let WebSocketServer;
try {
  ({ WebSocketServer } = await import("ws"));
} catch {
  skipAll("npm's ws is not installed; tests/interop/setup does it");
}

const missing = await missingBackend();
if (missing) skipAll(missing);

const clean = Object.fromEntries(Object.entries(process.env)
  .filter(([name]) => !/^((ws|wss|http|https|all|no)_proxy)$/i.test(name)));

// The program to its end: { code, out, err }.
async function connect(args, input = "") {
  const trust = scheme === "wss" ? ["--cacert", makeCertificate().cert] : [];
  const child = spawn(websock, ["connect", "--io", io, ...trust, ...args], { env: clean });
  const out = [];
  let err = "";
  child.stdout.on("data", (d) => out.push(d));
  child.stderr.setEncoding("utf8").on("data", (d) => { err += d; });
  child.stdin.on("error", () => {}); // it may end before it has read all
  child.stdin.end(input);
  const code = await within(20000, "end of websock connect", new Promise((resolve) => {
    child.on("close", resolve);
  }));
  return { code, out: Buffer.concat(out), err };
}

function good(result, out) {
  equal(result.err, "", "stderr");
  equal(result.code, 0, "exit code");
  ok(result.out.equals(Buffer.from(out)), `other output: ${result.out.length} octets`);
}

// A server with this handler while body(url) runs.
async function withServer(options, onConnection, body) {
  const web = scheme === "wss"
    ? https.createServer({ cert: readFileSync(makeCertificate().cert), key: readFileSync(makeCertificate().key) })
    : http.createServer();
  const server = new WebSocketServer({ server: web, perMessageDeflate: false, ...options });
  server.on("connection", onConnection);
  await new Promise((resolve) => { web.listen(0, "127.0.0.1", resolve); });
  try {
    await body(`${scheme}://127.0.0.1:${web.address().port}/`);
  } finally {
    server.clients.forEach((ws) => ws.terminate());
    server.close();
    web.closeAllConnections();
    await new Promise((resolve) => { web.close(resolve); });
  }
}

const echo = (ws) => ws.on("message", (data, isBinary) => ws.send(data, { binary: isBinary }));

const deflate = { threshold: 0 };
const modes = {
  plain: false,
  compressed: deflate,
  "compressed without context takeover": { ...deflate, serverNoContextTakeover: true, clientNoContextTakeover: true },
  "compressed with windows of 9 bits": { ...deflate, serverMaxWindowBits: 9, clientMaxWindowBits: 9 },
};

for (const [name, perMessageDeflate] of Object.entries(modes)) {
  test(`messages come back, ${name}`, () => withServer({ perMessageDeflate }, echo, async (url) => {
    const lines = prose(200000).replace(/ (?=[a-f])/g, "\n");
    const text = `${lines}\n${"\u20ac".repeat(100)}\n`;
    good(await connect([`-n${text.split("\n").length - 1}`, url], text), text);
    const octets = Buffer.concat([noise(300000), Buffer.from(prose(1000000))]);
    good(await connect(["-w", "-B", "-n1", url], octets), octets);
    good(await connect(["-w", "-B", "-n1", "--fragment-size", "777", url], octets), octets);
  }));
}

test("the parameters of compression that are asked for", () => withServer({
  perMessageDeflate: deflate,
}, echo, async (url) => {
  for (const [args, wanted] of [
    [[], ["permessage-deflate"]],
    [["--client-no-context-takeover"], ["client_no_context_takeover"]],
    [["--server-no-context-takeover"], ["server_no_context_takeover"]],
    [["--server-window-bits", "10"], ["server_max_window_bits=10"]],
    [["--no-compression"], []],
  ]) {
    const { out, code } = await connect(["--json", "-n2", ...args, url], "one one one\ntwo two two\n");
    equal(code, 0, "exit code");
    const [open, first] = out.toString().split("\n").map((line) => (line ? JSON.parse(line) : null));
    equal(first.text, "one one one", "text");
    if (wanted.length === 0) equal(open.extensions, "", "extensions");
    wanted.forEach((w) => ok(open.extensions.includes(w), `${w} in ${open.extensions}`));
  }
}));

test("fragments, pings in between", () => withServer({}, (ws) => {
  ws.send("frag", { fin: false });
  ws.ping("now");
  ws.send("ment", { fin: false });
  ws.send("", { fin: true });
  ws.on("pong", (data) => {
    ws.send(`pong ${data}`);
    ws.close(1000);
  });
}, async (url) => good(await connect(["--keep-open", url]), "fragment\npong now\n")));

test("close codes both ways", async () => {
  const seen = [];
  await withServer({}, (ws, request) => {
    const code = Number(request.url.slice(1));
    if (code) ws.close(code, `reason ${code}`);
    ws.on("close", (c, reason) => seen.push([c, reason.toString()]));
  }, async (url) => {
    for (const [code, exit] of [[1000, 0], [1001, 0], [1008, 4], [1013, 4], [3000, 4], [4999, 4]]) {
      const r = await connect(["--keep-open", `${url}${code}`]);
      equal(r.code, exit, `exit code for ${code}`);
      if (exit) ok(r.err.includes(`${code}`) && r.err.includes(`reason ${code}`), r.err);
    }
    good(await connect(["--wait", "0", "--close-code", "4567", "--close-reason", "b\u00e4", url]), "");
    for (let i = 0; seen.length < 7 && i < 500; i++) await sleep(10);
    equal(JSON.stringify(seen.at(-1)), JSON.stringify([4567, "b\u00e4"]), "what the server saw");
  });
});

test("subprotocols, fields and refusals", () => withServer({
  handleProtocols: (offered) => (offered.has("b") ? "b" : false),
  verifyClient: ({ req }, answer) => answer(req.url !== "/no", 418),
}, (ws, request) => {
  ws.send([ws.protocol, request.headers["x-one"], request.headers.authorization, request.headers.cookie].join("|"));
  ws.close();
}, async (url) => {
  good(await connect(["-s", "a", "-s", "b", "-H", "X-One: 1", "-u", "u:p", "-b", "c=d", "--keep-open", url]),
    `b|1|Basic ${Buffer.from("u:p").toString("base64")}|c=d\n`);
  const r = await connect([`${url}no`]);
  equal(r.code, 1, "exit code");
  ok(r.err.includes("418 I'm a Teapot"), r.err);
}));

test("a server that cuts the connection", () => withServer({}, (ws) => ws.terminate(), async (url) => {
  const r = await connect(["--keep-open", url]);
  equal(r.code, 4, "exit code");
  ok(r.err.includes("1006"), r.err);
}));

test("a thousand messages while a thousand come", () => withServer({}, (ws) => {
  let n = 0;
  for (let i = 0; i < 1000; i++) ws.send(`${i}`);
  ws.on("message", () => { if (++n === 1000) ws.close(); });
}, async (url) => {
  const numbers = Array.from({ length: 1000 }, (_, i) => `${i}\n`).join("");
  good(await connect(["--keep-open", url], numbers), numbers);
}));

await runTests();
