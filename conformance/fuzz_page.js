"use strict";
/* Runs the cases in this browser. What comes from the server is shown as text, never as markup. */
const $ = (id) => document.getElementById(id);
const here = location.protocol === "https:" || document.body.dataset.tls === "1" ? "wss" : "ws";
/* The page may come from a port of its own; else the tests are where it came from, whatever stands
 * between. */
const port = document.body.dataset.port;
const base = `${here}://${port ? `${location.hostname}:${port}` : location.host}`;
const classes = { OK: "pass", "NON-STRICT": "nonstrict", INFORMATIONAL: "info",
  UNIMPLEMENTED: "unimpl", FAILED: "fail" };
let stopped = false;
let current = null;

function browserName() {
  const brands = navigator.userAgentData ? navigator.userAgentData.brands : [];
  const brand = brands.find((b) => !/not.?a.?brand/i.test(b.brand));
  if (brand) return `${brand.brand} ${brand.version}`;
  const found = /(Firefox|Edg|OPR|Chrome|Version)\/([\d.]+)/.exec(navigator.userAgent);
  return found ? `${found[1].replace("Version", "Safari")} ${found[2]}` : navigator.userAgent;
}

/* One connection from its begin to its end; gives the last text and whether it was open. */
function visit(path, echo) {
  return new Promise((resolve) => {
    const socket = new WebSocket(base + path);
    let text = null, opened = false;
    current = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => { opened = true; };
    socket.onmessage = (event) => {
      if (echo) socket.send(event.data);
      else text = event.data;
    };
    socket.onclose = () => { current = null; resolve({ text, opened }); };
  });
}

const query = (values) => new URLSearchParams(values).toString();

function newRow(id, what) {
  const row = $("rows").insertRow();
  for (let i = 0; i < 4; i++) row.insertCell();
  row.cells[0].textContent = id;
  row.cells[0].className = "mono";
  row.cells[1].textContent = what;
  row.cells[2].textContent = "...";
  row.cells[3].className = "num";
  return row;
}

async function runOne(which, agent, counts) {
  const info = JSON.parse((await visit(`/getCaseInfo?${query(which)}`)).text || "null");
  if (!info) {
    newRow(which.casetuple || which.case, "there is no such case");
    return;
  }
  const row = newRow(info.id, info.description);
  const begin = performance.now();
  await visit(`/runCase?${query({ ...which, agent })}`, true);
  row.cells[3].textContent = Math.round(performance.now() - begin);
  if (stopped) return;
  const status = await visit(`/getCaseStatus?${query({ ...which, agent })}`);
  const behavior = status.text ? JSON.parse(status.text).behavior : "not known";
  const badge = document.createElement("span");
  badge.className = `v ${classes[behavior] || "missing"}`;
  badge.textContent = behavior;
  row.cells[2].replaceChildren(badge);
  counts[behavior] = (counts[behavior] || 0) + 1;
  $("counts").textContent =
    Object.entries(counts).map(([name, n]) => `${name} ${n}`).join(", ");
}

async function run() {
  const agent = $("agent").value.trim();
  const words = $("which").value.split(/[\s,]+/).filter(Boolean);
  const counts = {};
  stopped = false;
  $("rows").replaceChildren();
  $("counts").textContent = "";
  $("done").hidden = true;
  $("go").disabled = true;
  $("stop").disabled = false;
  try {
    const answer = await visit("/getCaseCount");
    const total = words.length || Number.parseInt(answer.text, 10);
    if (!total) throw new Error("the server tells no number of cases");
    $("bar").max = total;
    for (let i = 1; i <= total && !stopped; i++) {
      $("state").textContent = `Case ${i} of ${total}`;
      $("bar").value = i - 1;
      await runOne(words.length ? { casetuple: words[i - 1] } : { case: i }, agent, counts);
    }
    $("bar").value = total;
    const report = await visit(`/updateReports?${query({ agent })}`);
    $("state").textContent = stopped ? "Stopped." : "Done.";
    $("done").hidden = !report.opened;
  } catch (error) {
    $("state").textContent = `It went wrong: ${error.message}`;
  }
  document.body.dataset.state = "done";
  $("go").disabled = false;
  $("stop").disabled = true;
}

$("agent").value = browserName();
$("form").addEventListener("submit", (event) => { event.preventDefault(); run(); });
$("stop").addEventListener("click", () => {
  stopped = true;
  if (current) current.close();
});
