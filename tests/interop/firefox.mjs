// SPDX-License-Identifier: MIT
// Headless Firefox by its remote protocol, WebDriver BiDi: no more of it than a test needs. What it
// speaks the protocol over is npm's ws.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { within } from "./harness.mjs";

// Nothing of this is to leave the machine.
const preferences = {
  "app.normandy.enabled": false,
  "app.update.disabledForTesting": true,
  "browser.newtabpage.enabled": false,
  "browser.safebrowsing.blockedURIs.enabled": false,
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "browser.startup.page": 0,
  "datareporting.policy.dataSubmissionEnabled": false,
  "extensions.systemAddon.update.enabled": false,
  "extensions.update.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "network.prefetch-next": false,
  "network.proxy.type": 0,
  "services.settings.server": "data:,",
  "toolkit.telemetry.enabled": false,
};

export class Firefox {
  // WebSocket: the class of npm's ws.
  static async start(WebSocket, program) {
    const firefox = new Firefox();
    firefox.folder = mkdtempSync(join(tmpdir(), "websock-firefox-"));
    writeFileSync(join(firefox.folder, "user.js"), Object.entries(preferences)
      .map(([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});\n`).join(""));
    firefox.child = spawn(program, ["--headless", "--no-remote", "--remote-debugging-port", "0",
      "--profile", firefox.folder], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, HOME: firefox.folder, MOZ_CRASHREPORTER_DISABLE: "1" },
      detached: true,
    });
    process.on("exit", () => firefox.kill());
    let said = "";
    const url = await within(60000, "Firefox", new Promise((resolve, reject) => {
      firefox.child.on("error", reject);
      firefox.child.on("exit", (code) => reject(new Error(`Firefox ended with ${code}: ${said}`)));
      firefox.child.stderr.on("data", (octets) => {
        said += octets;
        const found = /BiDi listening on (\S+)/.exec(said);
        if (found) resolve(found[1]);
      });
    }));
    firefox.socket = new WebSocket(`${url}/session`);
    firefox.waiting = new Map();
    firefox.socket.on("message", (data) => {
      const answer = JSON.parse(data);
      const ask = firefox.waiting.get(answer.id);
      firefox.waiting.delete(answer.id);
      if (answer.type === "success") ask?.resolve(answer.result);
      else ask?.reject(new Error(`${answer.error}: ${answer.message}`));
    });
    await within(20000, "session", new Promise((resolve, reject) => {
      firefox.socket.on("open", resolve).on("error", reject);
    }));
    const session = await firefox.ask("session.new",
      { capabilities: { alwaysMatch: { acceptInsecureCerts: true } } });
    firefox.version = session.capabilities.browserVersion;
    const tree = await firefox.ask("browsingContext.getTree", {});
    firefox.context = tree.contexts[0].context;
    return firefox;
  }

  ask(method, params) {
    const id = (this.last = (this.last ?? 0) + 1);
    const answer = new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
    this.socket.send(JSON.stringify({ id, method, params }));
    return within(60000, `answer to ${method}`, answer);
  }

  async open(url) {
    await this.ask("browsingContext.navigate", { context: this.context, url, wait: "complete" });
  }

  // The value of an expression in the page, or what the promise that it gives comes to; by JSON.
  async value(expression) {
    const { result, exceptionDetails } = await this.ask("script.evaluate", {
      expression: `Promise.resolve(${expression}).then((v) => JSON.stringify(v))`,
      target: { context: this.context },
      awaitPromise: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.text);
    return result.type === "string" ? JSON.parse(result.value) : undefined;
  }

  kill() {
    try {
      process.kill(-this.child.pid, "SIGKILL");
    } catch {
      // It has ended.
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
