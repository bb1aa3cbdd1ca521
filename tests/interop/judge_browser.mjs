// SPDX-License-Identifier: MIT
// Headless Chromium under test: it opens the page of "websock test --serve", which runs cases in
// it, and goes on to the report. FILE WEBSOCK IO SCHEME; IO is of no matter here.
import { existsSync } from "node:fs";
import { join } from "node:path";

import { equal, note, ok, runTests, scheme, skipAll, test } from "./harness.mjs";
import { folder, readReport, startJudge } from "./judge.mjs";

let chromium;
try {
  ({ chromium } = await import("playwright-core"));
} catch {
  skipAll("npm's playwright-core is not installed (tests/interop/setup)");
}
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
if (!existsSync(executablePath)) skipAll(`${executablePath} is not installed`);

const url = await startJudge();

const browser = await chromium.launchPersistentContext(join(folder, "profile"), {
  executablePath,
  headless: true,
  ignoreHTTPSErrors: true,
  viewport: { width: 390, height: 800 },
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const page = await browser.newPage();
const complaints = [];
page.on("console", (m) => { if (["error", "warning"].includes(m.type())) complaints.push(m.text()); });
page.on("pageerror", (e) => complaints.push(e.message));

const cells = (id) => page.locator("#rows tr").filter({ hasText: id }).locator("td").allInnerTexts();

test("the page runs the cases that are asked for", async () => {
  await page.goto(url);
  await page.fill("#agent", "<b>Chromium</b>");
  await page.fill("#which", "1.1.2, 2.2 9.7.1 12.1.1 13.3.1 1.99.9");
  await page.click("#go");
  await page.waitForFunction(() => document.body.dataset.state === "done", null, { timeout: 25000 });
  equal(await page.locator("#state").textContent(), "Done.", "state");
  for (const id of ["1.1.2", "2.2", "9.7.1", "12.1.1", "13.3.1"])
    equal((await cells(id))[2], "OK", `verdict of ${id}`);
  ok((await cells("1.99.9"))[1].includes("no such case"), "a case that does not exist");
  equal(await page.locator("#counts").textContent(), "OK 5", "counts");
});

test("it fits on a phone and complains of the unknown case alone", async () => {
  equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, "width");
  ok(complaints.every((text) => text.includes("1.99.9")), complaints.join("\n"));
});

test("it leads to the report", async () => {
  await page.click("#done a");
  await page.waitForURL("**/report/index.html");
  const text = await page.locator("body").innerText();
  ok(text.includes("<b>Chromium</b>"), "the agent's name is in the report, as text");
  equal(Object.keys(readReport()["<b>Chromium</b>"]).length, 5, "cases in index.json");
  // Whatever a case is called, its verdict is seen without moving the table sideways.
  const [wide, room, table, part] = await page.evaluate(() => {
    document.querySelector("#cases tr.case td:nth-child(2)").textContent = "permessage-deflate".repeat(5);
    const cases = document.querySelector("#cases .scroll");
    return [document.documentElement.scrollWidth, innerWidth, cases.scrollWidth, cases.clientWidth];
  });
  equal(wide, room, "width of the report");
  equal(table, part, "width of the table of cases");
});

test("a case that must fail the connection fails it", async () => {
  await page.goBack();
  await page.fill("#which", "3.1 5.3 7.9.4");
  await page.click("#go");
  await page.waitForFunction(() => document.querySelectorAll("#rows tr").length === 3 &&
    document.querySelector("#state").textContent === "Done.", null, { timeout: 25000 });
  equal((await cells("3.1"))[2], "OK", "verdict of 3.1");
});

note(`Chromium ${browser.browser()?.version() ?? ""}, ${scheme}`);
await runTests(() => browser.close());
