// SPDX-License-Identifier: MIT
// "websock test --serve" for browsers: started, with its address and its report.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { scheme, websock, within } from "./harness.mjs";

export const folder = mkdtempSync(join(tmpdir(), "websock-judge-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

// The address of its page.
export async function startJudge() {
  const judge = spawn(websock, ["test", "--serve", `${scheme}://127.0.0.1:0`, "--messages", "2",
    "--out", join(folder, "report")], { stdio: ["ignore", "pipe", "inherit"] });
  process.on("exit", () => judge.kill("SIGKILL"));
  const port = await within(20000, "address", new Promise((resolve) => {
    let text = "";
    judge.stdout.on("data", (octets) => {
      text += octets;
      const found = /clients at \S+:(\d+),/.exec(text);
      if (found) resolve(found[1]);
    });
  }));
  return `${scheme === "wss" ? "https" : "http"}://127.0.0.1:${port}/`;
}

// index.json of its report.
export function readReport() {
  return JSON.parse(readFileSync(join(folder, "report", "index.json"), "utf8"));
}
