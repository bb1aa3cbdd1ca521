// SPDX-License-Identifier: MIT
// What the tests in JavaScript share: a server to talk to, results as TAP, waiting with a limit.
// It knows no WebSocket client.
import { execFileSync, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";

// FILE WEBSOCK IO SCHEME, as meson.build gives them.
export const [websock, io = "auto", scheme = "ws"] = process.argv.slice(2);

// Sanitizers make everything slower.
const patience = Number(process.env.INTEROP_PATIENCE ?? 1);
const folder = mkdtempSync(join(tmpdir(), "websock-interop-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

// ------------------------------------------------------------------------------------ waiting

export function within(ms, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} within ${ms * patience} ms`)), ms * patience);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

// ------------------------------------------------------------------------------------- server

let certificate;

// A certificate that clients can verify: { cert, key } as files, and ca as text. A child that gets
// INTEROP_CERTIFICATE uses its parent's.
export function makeCertificate() {
  if (certificate === undefined) {
    const place = process.env.INTEROP_CERTIFICATE ?? folder;
    const cert = join(place, "cert.pem");
    const key = join(place, "key.pem");
    if (place === folder) execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt",
      "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
      "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
    { stdio: "pipe" });
    certificate = { cert, key, ca: readFileSync(cert, "utf8") };
  }
  return certificate;
}

export class Server {
  constructor(child) {
    this.child = child;
    this.urls = [];
    this.banner = "";
    this.log = "";
    running.add(child);
    this.ended = new Promise((resolve) => {
      child.on("close", (code, signal) => {
        running.delete(child);
        resolve({ code, signal });
      });
    });
  }

  get url() { return this.urls[0]; }
  get port() { return Number(new URL(this.url).port); }

  // Resident memory in octets.
  rss() {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.child.pid}/status`, "utf8"))[1]) * 1024;
  }

  // Asks it to end, and insists that it ends well.
  async stop(wanted = 0) {
    this.child.kill("SIGTERM");
    const { code, signal } = await within(15000, "end of the server", this.ended);
    if (code !== wanted) throw new Error(`the server ended with ${signal ?? code}, not ${wanted}`);
  }
}

let latest; // the server whose log explains a failure

export async function serve(args = [], options = {}) {
  const { io: backend = io, scheme: kind = scheme, selfSigned = false } = options;
  const all = ["serve", "--io", backend];
  if (kind === "wss") {
    const c = makeCertificate();
    all.push(...(selfSigned ? ["--tls-self-signed"] : ["--tls-cert", c.cert, "--tls-key", c.key]));
  }
  all.push(...args, `${kind}://127.0.0.1:0/ws`);
  const child = spawn(websock, all, { stdio: ["ignore", "pipe", "pipe"] });
  const server = new Server(child);
  latest = server;
  child.stderr.setEncoding("utf8").on("data", (text) => {
    server.log = (server.log + text).slice(-20000);
  });
  const up = new Promise((resolve, reject) => {
    child.on("error", reject);
    child.stdout.setEncoding("utf8").on("data", (text) => {
      server.banner += text;
      if (server.banner.includes("ends by")) resolve();
    });
    server.ended.then(({ code, signal }) =>
      reject(new Error(`the server ended at once with ${signal ?? code}: ${server.log}`)));
  });
  await within(10000, "banner of the server", up);
  server.urls = [...server.banner.matchAll(/listens on +(\S+)/g)].map((m) => m[1]);
  return server;
}

// Why the backend that the test is for cannot be tried here, or null.
export async function missingBackend() {
  if (io !== "uring") return null;
  const server = await serve([], { io: "auto", scheme: "ws" });
  await server.stop();
  return server.banner.includes("io_uring") ? null : "the kernel or the build has no io_uring";
}

// ---------------------------------------------------------------------------- results, as TAP

const tests = [];

export function test(name, run, limit = 30000) {
  tests.push({ name, run, limit });
}

export function skipAll(reason) {
  console.log(`1..0 # SKIP ${reason}`);
  process.exit(0);
}

export function note(text) {
  console.log(String(text).replace(/^/gm, "# "));
}

export class Skip extends Error {}

// finish: what is to be ended before the program ends.
export async function runTests(finish = () => {}) {
  let failed = 0;
  console.log(`1..${tests.length}`);
  for (const [i, { name, run, limit }] of tests.entries()) {
    const began = performance.now();
    try {
      await within(limit, `end of the test "${name}"`, run());
      console.log(`ok ${i + 1} - ${name}`);
    } catch (e) {
      if (e instanceof Skip) {
        console.log(`ok ${i + 1} - ${name} # SKIP ${e.message}`);
        continue;
      }
      failed++;
      console.log(`not ok ${i + 1} - ${name}`);
      note(e.stack);
      if (latest) note(`the end of the server's log:\n${latest.log.slice(-2000)}`);
    }
    const took = performance.now() - began;
    if (took > 1000) note(`took ${(took / 1000).toFixed(1)} s`);
  }
  await finish();
  process.exit(failed > 0 ? 1 : 0);
}

export function equal(got, wanted, what) {
  const same = Buffer.isBuffer(wanted) ? Buffer.isBuffer(got) && got.equals(wanted) : Object.is(got, wanted);
  if (!same) throw new Error(`${what}: ${show(got)} instead of ${show(wanted)}`);
}

export function ok(condition, what) {
  if (!condition) throw new Error(what);
}

function show(value) {
  if (Buffer.isBuffer(value)) return `${value.length} octets ${value.subarray(0, 32).toString("hex")}`;
  return typeof value === "string" && value.length > 200 ? `${value.slice(0, 200)}...` : String(value);
}

// ---------------------------------------------------------------------------- raw connections

export const newKey = () => randomBytes(16).toString("base64");

export function acceptOf(key) {
  return createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
}

// A socket, with TLS if the URL asks for it.
export function rawSocket(url) {
  const u = new URL(url);
  const where = { host: u.hostname, port: Number(u.port) };
  return u.protocol === "wss:" ? tls.connect({ ...where, ca: makeCertificate().ca }) : net.connect(where);
}

// Sends octets and reads until the end of input: { status, head, body, text }. An error of the
// socket, such as a reset, is a failure.
export function rawExchange(url, request) {
  return within(10000, "end of the response", new Promise((resolve, reject) => {
    const socket = rawSocket(url);
    const parts = [];
    socket.on("error", reject);
    socket.on("data", (d) => parts.push(d));
    socket.on("end", () => {
      const text = Buffer.concat(parts).toString("latin1");
      const split = text.indexOf("\r\n\r\n");
      resolve({
        text,
        status: Number(text.slice(9, 12)),
        head: text.slice(0, split + 2),
        body: text.slice(split + 4),
      });
      socket.end();
    });
    socket.write(request);
  }));
}

// ------------------------------------------------------------------------------------ payload

// The same octets for the same seed, which no compressor makes smaller (xorshift32).
export function noise(n, seed = 1) {
  const out = Buffer.alloc(n);
  let x = (seed * 2654435761) >>> 0 || 1;
  for (let i = 0; i < n; i++) {
    x ^= x << 13; x >>>= 0;
    x ^= x >>> 17;
    x ^= x << 5; x >>>= 0;
    out[i] = x >>> 11;
  }
  return out;
}

// Text that compresses, of n characters, with references back over many distances.
export function prose(n, seed = 1) {
  const words = ["frame", "mask", "close", "ping", "octet", "window", "header", "stream", "reason",
    "opening", "handshake", "compression"];
  let x = seed, out = [], length = 0;
  while (length < n) {
    x = (Math.imul(x, 1103515245) + 12345) >>> 0;
    const word = words[(x >>> 16) % words.length] + ((x >>> 8) % 7 === 0 ? x % 1000 : "") + " ";
    out.push(word);
    length += word.length;
  }
  return out.join("").slice(0, n);
}

// Something of each script, combining marks, planes other than the first, edges of the code space.
export const scripts = {
  latin: "Ærøskøbing Dvořák İstanbul Việt ﬁ",
  combining: "e\u0301 o\u0308\u0304 Z\u0351\u036b\u0343\u036a\u0302a\u0332\u0345l\u0328\u0321g\u0321\u0330o\u0363\u0302",
  greek: "κόσμε Ἀχιλλεύς ὀρθογραφία",
  cyrillic: "Съешь ещё этих мягких булок Ѭѳѵ",
  armenian: "Հայաստան", hebrew: "שָׁלוֹם עוֹלָם", arabic: "السَّلَامُ عَلَيْكُمْ ﷽", syriac: "ܫܠܡܐ", thaana: "ދިވެހި",
  devanagari: "नमस्ते क्षत्रिय", bengali: "বাংলা", gurmukhi: "ਪੰਜਾਬੀ", gujarati: "ગુજરાતી", oriya: "ଓଡ଼ିଆ",
  tamil: "தமிழ் க்ஷ", telugu: "తెలుగు", kannada: "ಕನ್ನಡ", malayalam: "മലയാളം", sinhala: "සිංහල",
  thai: "ภาษาไทย น้ำ", lao: "ພາສາລາວ", tibetan: "བོད་ཡིག", myanmar: "မြန်မာ", khmer: "ភាសាខ្មែរ",
  georgian: "ქართული ᲥᲐᲠᲗᲣᲚᲘ", ethiopic: "አማርኛ", cherokee: "ᏣᎳᎩ ꭰꭱ", syllabics: "ᐃᓄᒃᑎᑐᑦ", ogham: "᚛ᚑᚌᚐᚋ᚜", runic: "ᚠᚢᚦᚨᚱᚲ",
  mongolian: "ᠮᠣᠩᠭᠣᠯ", hangul: "한국어 한글", hiragana: "ひらがな が", katakana: "カタカナ ｶﾞ", bopomofo: "ㄅㄆㄇ",
  han: "漢字 汉字 𠮷野家 𪚥", yi: "ꆈꌠ", gothic: "𐌲𐌿𐍄𐌹𐍃𐌺", cuneiform: "𒀭𒂗𒆤", hieroglyphs: "𓀀𓂀𓆣", lineara: "𐘀𐘁",
  adlam: "𞤀𞤣𞤤𞤢𞤥", mathematics: "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 ∮ E·da = Q", braille: "⠃⠗⠇", music: "𝄞𝅘𝅥𝅮",
  emoji: "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇬🇷 1️⃣", direction: "\u202eabc\u202c\u2067שלום\u2069",
  edges: "\0\x01\x7f\x80\u07ff\u0800\ufffd\ud7ff\ue000\ufffe\uffff\ufeff\u{10000}\u{1ffff}\u{10fffe}\u{10ffff}",
};

// Every character that UTF-8 can carry, as strings of up to n characters.
export function everyCharacter(n) {
  const out = [];
  for (let from = 0; from < 0x110000; from += n) {
    let s = "";
    for (let c = from; c < Math.min(from + n, 0x110000); c++) {
      if (c < 0xd800 || c > 0xdfff) s += String.fromCodePoint(c);
    }
    if (s !== "") out.push(s);
  }
  return out;
}
