// SPDX-License-Identifier: MIT
// Headless Firefox under test: it opens the page of "websock test --serve", which runs cases in it,
// and goes on to the report. FILE WEBSOCK IO SCHEME; IO is of no matter here.
import { existsSync } from "node:fs";

import { Firefox } from "./firefox.mjs";
import { equal, note, ok, runTests, scheme, skipAll, test } from "./harness.mjs";
import { readReport, startJudge } from "./judge.mjs";

let WebSocket;
try {
  ({ WebSocket } = await import("ws"));
} catch {
  skipAll("npm's ws is not installed (tests/interop/setup)");
}
const program = process.env.FIREFOX ?? "/usr/bin/firefox-esr";
if (!existsSync(program)) skipAll(`${program} is not installed`);

// The browser is not built with sanitizers, and takes long to start.
if (process.env.INTEROP_SANITIZED) skipAll("there is nothing in it for sanitizers");

const page = await startJudge();
const firefox = await Firefox.start(WebSocket, program);

// Runs these cases; verdicts by number.
async function run(cases) {
  await firefox.value(`(() => {
    document.querySelector("#agent").value = "Firefox";
    document.querySelector("#which").value = ${JSON.stringify(cases)};
    document.querySelector("#go").click();
  })()`);
  return firefox.value(`new Promise((resolve) => {
    const look = () => document.querySelector("#state").textContent === "Done."
      ? resolve(Object.fromEntries([...document.querySelectorAll("#rows tr")].map((row) => {
          const cells = [...row.querySelectorAll("td")].map((cell) => cell.innerText);
          return [cells[0].trim().split(" ")[0], cells[2]];
        })))
      : setTimeout(look, 20);
    look();
  })`);
}

test("the page runs the cases that are asked for", async () => {
  await firefox.open(page);
  const verdicts = await run("1.1.2 2.2 6.4.2 9.7.1 12.1.1");
  equal(Object.keys(verdicts).length, 5, `cases in ${JSON.stringify(verdicts)}`);
  for (const id of ["1.1.2", "2.2", "9.7.1", "12.1.1"]) equal(verdicts[id], "OK", id);
});

test("it leads to the report", async () => {
  const link = await firefox.value(`document.querySelector("#done a").href`);
  await firefox.open(link);
  ok((await firefox.value("document.body.innerText")).includes("Firefox"), "the agent's name");
  equal(Object.keys(readReport().Firefox).length, 5, "cases in index.json");
});

note(`Firefox ${firefox.version}, ${scheme}`);
await runTests(() => firefox.kill());
