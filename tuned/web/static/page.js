"use strict";
// The token stays in this tab: after the # of the address nothing is sent to any server, and no cookie is set.
const fromAddress = location.hash.slice(1);
if (fromAddress) {
  sessionStorage.setItem("token", fromAddress);
  history.replaceState(null, "", "/");
}
const token = sessionStorage.getItem("token") || "";
const EVERY_MS = 2000;
const ROWS = 100;
const view = { study: null, sort: "value", descending: false, filter: "" };

const find = (id) => document.getElementById(id);

async function ask(path, query = {}) {
  const words = new URLSearchParams(query).toString();
  const reply = await fetch("/v1" + path + (words ? "?" + words : ""), {
    headers: { Authorization: "Bearer " + token },
  });
  const data = await reply.json();
  if (!reply.ok) throw new Error(data.detail || reply.statusText);
  return data;
}

function number(value) {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "boolean") return String(value);
  const x = Number(value);
  if (Number.isNaN(x)) return String(value);
  return Number.isInteger(x) ? String(x) : x.toPrecision(4);
}

function cell(text, options = {}) {
  const td = document.createElement(options.head ? "th" : "td");
  if (options.click) {
    const button = document.createElement("button");
    button.textContent = text;
    button.addEventListener("click", options.click);
    td.append(button);
  } else td.textContent = text;
  if (options.right) td.className = "number";
  return td;
}

function row(cells, chosen = false) {
  const tr = document.createElement("tr");
  tr.append(...cells);
  if (chosen) tr.className = "chosen";
  return tr;
}

function showStudies(studies) {
  const rows = [row(["study", "state", "ended", "best", "question"].map((t) => cell(t, { head: true })))];
  for (const s of studies) {
    const ended = ["completed", "pruned", "failed", "cancelled", "lost"].reduce((n, k) => n + (s.counts[k] || 0), 0);
    const best = s.best && s.objective ? number(s.best.values[s.objective.metric]) + " #" + s.best.number : "–";
    rows.push(row([
      cell(s.name, { click: () => { view.study = s.name; view.filter = find("filter").value = ""; view.sort = "value"; show(); } }),
      cell(s.state), cell(ended + (s.trials ? "/" + s.trials : ""), { right: true }), cell(best), cell(s.question),
    ], s.name === view.study));
  }
  find("studies").replaceChildren(...rows);
}

function showTrials(study, trials, total) {
  const metric = study.objective ? study.objective.metric : null;
  const columns = [["number", "trial"], ["state", "state"], ["step", "step"], ["value", metric || "value"],
    ...study.parameters.map((name) => ["params." + name, name])];
  const heads = columns.map(([sort, title]) => cell(title + (view.sort === sort ? (view.descending ? " ▼" : " ▲") : ""), {
    head: true,
    click: () => { view.descending = view.sort === sort ? !view.descending : false; view.sort = sort; show(); },
  }));
  const rows = trials.map((t) => row([
    cell("#" + t.number), cell(t.state + (t.failure ? ": " + t.failure : "")), cell(number(t.last_step), { right: true }),
    cell(number(metric ? t.values[metric] : null), { right: true }),
    ...study.parameters.map((name) => cell(number(t.params[name]), { right: true })),
  ]));
  find("trials").replaceChildren(row(heads), ...rows);
  find("more").textContent = total > trials.length ? `${trials.length} of ${total} trials` : `${total} trials`;
}

function showBest(found) {
  const points = [];
  for (const step of found.steps) {
    if (points.length) points.push([step.count, points[points.length - 1][1]]);
    points.push([step.count, Number(step.value)]);
  }
  if (points.length) points.push([found.total, points[points.length - 1][1]]);
  const ys = points.map((p) => p[1]);
  const low = Math.min(...ys), high = Math.max(...ys);
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  line.setAttribute("points", points.map(([x, y]) =>
    `${(600 * x) / Math.max(1, found.total)},${110 - (100 * (y - low)) / (high - low || 1)}`).join(" "));
  find("best").replaceChildren(line);
}

let latest = 0;
async function show() {
  const mine = ++latest;
  try {
    const [status, studies] = await Promise.all([ask("/status"), ask("/studies")]);
    if (!studies.some((s) => s.name === view.study)) view.study = studies.length ? studies[0].name : null;
    find("status").textContent = `${status.running} run, ${status.queued} wait, ${status.slots} slots · ${new Date().toLocaleTimeString()}`;
    showStudies(studies);
    const study = studies.find((s) => s.name === view.study);
    find("study").textContent = study ? "Trials of " + study.name : "No studies yet: tunectl submit FILE";
    if (study) {
      const path = "/studies/" + encodeURIComponent(study.name);
      const query = { filter: view.filter, sort: view.sort, descending: view.descending };
      const [trials, count, best] = await Promise.all([
        ask(path + "/trials", { ...query, limit: ROWS }),
        ask(path + "/trial-numbers", { filter: view.filter, limit: 1 }),
        ask(path + "/best-so-far"),
      ]);
      if (mine !== latest) return;
      showTrials(study, trials, count.total);
      showBest(best);
    }
    find("problem").textContent = "";
  } catch (error) {
    if (mine === latest) find("problem").textContent = error.message;
  }
}

find("form").addEventListener("submit", (event) => event.preventDefault());
find("filter").addEventListener("input", (event) => { view.filter = event.target.value; show(); });
show();
setInterval(() => { if (!document.hidden) show(); }, EVERY_MS);
