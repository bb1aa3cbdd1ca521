// SPDX-License-Identifier: MIT
// Headless Chromium on the page that "websock serve" has built in: what a person does there, and
// the browser's own WebSocket with larger things. Screenshots go to INTEROP_PICTURES.
// FILE WEBSOCK IO SCHEME
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { equal, io, missingBackend, note, ok, runTests, scheme, scripts, serve, skipAll,
  test } from "./harness.mjs";

let chromium;
try {
  ({ chromium } = await import("playwright-core"));
} catch {
  skipAll("npm's playwright-core is not installed (tests/interop/setup)");
}
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
if (!existsSync(executablePath)) skipAll(`${executablePath} is not installed`);
const missing = await missingBackend();
if (missing) skipAll(missing);

// ------------------------------------------------------------------------------------ browser

const profile = mkdtempSync(join(tmpdir(), "websock-chromium-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath,
  headless: true,
  ignoreHTTPSErrors: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
process.on("exit", () => rmSync(profile, { recursive: true, force: true }));
const pictures = process.env.INTEROP_PICTURES;
if (pictures) mkdirSync(pictures, { recursive: true });

let server, page;
const complaints = []; // of the page, on its console
const requests = []; // that the page makes

async function openPage() {
  page = await browser.newPage();
  page.on("console", (m) => { if (["error", "warning"].includes(m.type())) complaints.push(m.text()); });
  page.on("pageerror", (e) => complaints.push(e.message));
  page.on("request", (r) => requests.push(r.url()));
  await page.goto(`${scheme === "wss" ? "https" : "http"}://127.0.0.1:${server.port}/`);
}

const state = () => page.locator("#state").textContent();
const last = () => page.locator("#log li").last();
const counter = async (id) => (await page.locator(`#${id}`).textContent()).replaceAll(",", "");

async function until(condition, what) {
  for (let i = 0; i < 250; i++) {
    if (await condition()) return;
    await page.waitForTimeout(20);
  }
  throw new Error(`${what}; the page says: ${await page.locator("#log").innerText()}`);
}

async function entries(n) {
  await until(async () => await page.locator("#log li").count() >= n, `fewer than ${n} entries`);
}

async function connect() {
  await page.click("#clear");
  await page.click("#connect");
  await until(async () => await state() === "connected", "not connected");
}

async function sendAndReceive(what) {
  const before = Number(await counter("n-in"));
  await page.click("#send");
  await until(async () => Number(await counter("n-in")) > before, `no echo of ${what}`);
}

// -------------------------------------------------------------------------------------- tests

test("the page opens, complains of nothing, and needs nothing else", async () => {
  server = await serve(["--subprotocol", "chat"], { selfSigned: true });
  await openPage();
  equal(await page.title(), "websock", "title");
  equal(await page.inputValue("#url"), server.url, "the URL that is filled in");
  equal(await state(), "not connected", "state");
  ok(await page.locator("#send").isDisabled(), "one can send without a connection");
  equal(complaints.join("\n"), "", "complaints");
  equal(requests.filter((u) => !u.startsWith("data:")).length, 1, `requests (${requests})`);
});

test("connect, text and its echo", async () => {
  await connect();
  ok((await last().innerText()).includes("permessage-deflate"), "the extension is not shown");
  for (const text of ["Hello, κόσμε!", Object.values(scripts).join("").replace(/[\0-\x1f]/g, ""), "a <b>tag</b>"]) {
    await page.fill("#message", text);
    await sendAndReceive(text);
    equal(await last().locator("pre").textContent(), text, "the echo as it is shown");
    ok((await last().innerText()).includes("round trip"), "no round trip is shown");
  }
  await page.fill("#message", "");
  await sendAndReceive("nothing");
  equal(complaints.join("\n"), "", "complaints");
});

test("binary in hex, and a file", async () => {
  await page.check("input[value=hex]");
  await page.fill("#message", "00 ff 48:65 0x6c 6c6f");
  await sendAndReceive("hex");
  const text = await last().innerText();
  ok(text.includes("binary") && text.includes("7 octets") && text.includes("00 ff 48 65 6c 6c 6f"), text);
  await page.fill("#message", "0g");
  await page.click("#send");
  ok((await page.locator("#send-error").textContent()).length > 0, "no word on wrong hex");

  await page.check("input[value=file]");
  const octets = Buffer.alloc(300000, "websock ");
  await page.setInputFiles("#file", { name: "x.bin", mimeType: "application/octet-stream", buffer: octets });
  await sendAndReceive("a file");
  ok((await last().innerText()).includes("300,000 octets"), await last().innerText());
  await page.check("input[value=text]");
});

test("round trips are measured and counted", async () => {
  const before = Number(await counter("n-in"));
  for (let i = 0; i < 10; i++) await page.click("#trip");
  await until(async () => Number(await counter("n-in")) === before + 10, "echoes are missing");
  for (const id of ["t-last", "t-min", "t-mid"]) ok(/^[\d.]+ ms$/.test(await counter(id)), `${id}: ${await counter(id)}`);
  equal(await counter("n-in"), await counter("n-out"), "messages");
  equal(await counter("o-in"), await counter("o-out"), "octets");
});

test("pictures: wide and narrow, light and dark; nothing is wider than the screen", async () => {
  await page.fill("#message", "Hello, κόσμε!");
  for (const [width, height, name] of [[1280, 900, "wide"], [390, 844, "narrow"]]) {
    await page.setViewportSize({ width, height });
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      const room = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      ok(room[0] <= room[1], `${name}: ${room[0]} wide in ${room[1]}`);
      if (pictures) {
        const path = join(pictures, `page-${scheme}-${io}-${name}-${colorScheme}.png`);
        await page.screenshot({ path, fullPage: true });
      }
    }
  }
  await page.setViewportSize({ width: 1280, height: 900 });
});

test("close with a code and a reason", async () => {
  for (const [code, reason] of [["1000", ""], ["4001", "that is all, κόσμε"], ["3000", "x".repeat(123)]]) {
    if (await state() !== "connected") await connect();
    await page.fill("#code", code);
    await page.fill("#reason", reason);
    await page.click("#close");
    await until(async () => await state() === "not connected", "not closed");
    const text = await last().innerText();
    ok(text.includes(`closed`) && text.includes(code) && text.includes("clean") && !text.includes("not clean"), text);
  }
  await connect();
  await page.fill("#code", "1001");
  await page.click("#close");
  await page.fill("#code", "1000");
  equal(await state(), "connected", "after a code that browsers do not let a page send");
});

test("subprotocols, and a path that is not there", async () => {
  if (await state() === "connected") await page.click("#connect");
  await until(async () => await state() === "not connected", "not closed");
  await page.fill("#subprotocols", "other, chat");
  await connect();
  ok((await last().innerText()).includes("subprotocol chat"), await last().innerText());
  await page.click("#connect");
  await until(async () => await state() === "not connected", "not closed");
  await page.fill("#subprotocols", "");
  await page.fill("#url", server.url.replace("/ws", "/other"));
  await page.click("#connect");
  await entries(2);
  await until(async () => (await last().innerText()).includes("1006"), "no word on the refusal");
  await page.fill("#url", server.url);
  complaints.length = 0; // Chromium's own words on the refusal
});

test("the browser's WebSocket: every size, 16 MiB, 100 connections", async () => {
  const result = await page.evaluate(async (url) => {
    const open = () => new Promise((resolve, reject) => {
      const ws = new WebSocket(url);
      ws.binaryType = "arraybuffer";
      ws.onopen = () => resolve(ws);
      ws.onerror = () => reject(new Error("not connected"));
    });
    const echo = (ws, data) => new Promise((resolve, reject) => {
      ws.onmessage = (e) => resolve(e.data);
      ws.onclose = (e) => reject(new Error(`closed with ${e.code}`));
      ws.send(data);
    });
    const end = (ws, code) => new Promise((resolve) => { ws.onclose = resolve; ws.close(code); });
    const same = (a, b) => { // every() takes seconds for so many
      for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
      return a.length === b.length;
    };

    const ws = await open();
    for (const n of [0, 1, 125, 126, 127, 65535, 65536, 70000, 16 << 20]) {
      const data = new Uint8Array(n);
      for (let at = 0; at < n; at += 65536) crypto.getRandomValues(data.subarray(at, at + 65536));
      if (!same(new Uint8Array(await echo(ws, data)), data)) return `${n} octets came back changed`;
      const text = "κόσμε ".repeat(Math.min(n, 1 << 20) / 11); // of 16 MiB it takes 5 s to send
      if (await echo(ws, text) !== text) return `${text.length} characters came back changed`;
    }
    const closed = await end(ws, 3999);
    if (closed.code !== 3999 || !closed.wasClean) return `closed with ${closed.code}`;

    const all = []; // one after the other: it delays those that it opens at the same time
    for (let i = 0; i < 100; i++) all.push(await open());
    const echoes = await Promise.all(all.map((each, i) => echo(each, `connection ${i}`)));
    if (!echoes.every((e, i) => e === `connection ${i}`)) return "an echo of another connection";
    const ends = await Promise.all(all.map((each) => end(each, 1000)));
    return ends.every((e) => e.code === 1000 && e.wasClean) ? "fine" : "a connection did not close cleanly";
  }, server.url);
  equal(result, "fine", "result");
});

test("SIGTERM: the page reports 1001", async () => {
  await connect();
  await server.stop();
  await until(async () => await state() === "not connected", "not closed");
  ok((await last().innerText()).includes("1001"), await last().innerText());
  equal(complaints.join("\n"), "", "complaints");
});

note(`Chromium ${browser.browser().version()}, ${io}, ${scheme}`);
await runTests(() => browser.close());
