// The job table: read by jobs/search, kept up to date by the event stream. Texts of jobs never become HTML.
"use strict";

const MOST_READ = 1000;
const MOST_SHOWN = 200;
const MOST_OUTPUT = 500_000; // characters of output in the page; the end counts
const PAUSE = 1000; // milliseconds between two reads of the list, at least
const BAD = ["FAILED", "CANCELED", "TIMEOUT"];
const LETTERS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

const $ = (id) => document.getElementById(id);
const view = { jobs: [], total: 0, matching: 0, sort: "t_submit", down: true, all: false, open: null };
const rows = new Map(); // by F58; rows stay, so that what is in focus does
let key = new URLSearchParams(location.search).get("key") ?? sessionStorage.getItem("key");

// Asking the service.

function address(path, query = {}) {
  const given = Object.entries({ ...query, ...(key ? { key } : {}) });
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

async function ask(path, options = {}, query = {}) {
  const answer = await fetch(address(path, query), { headers: { Accept: "application/json" }, ...options });
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  const errors = told.Errors ?? (told.Error ? [told.Error] : []);
  throw Object.assign(new Error(told.Message ?? answer.statusText), { status: answer.status, errors });
}

function complain(error) {
  $("problem").hidden = !error;
  $("problem").textContent = error ? error.message : "";
  $("sign-in").hidden = error?.status !== 401;
}

let reading = false;
let again = false;

async function read() {
  if (reading) {
    again = true;
    return;
  }
  reading = true;
  try {
    const query = { search: $("search").value, length: MOST_READ };
    const page = await (await ask("jobs/search", {}, query)).json();
    Object.assign(view, { jobs: page.data, total: page.recordsTotal, matching: page.recordsMatching });
    complain(null);
    draw();
  } catch (error) {
    complain(error);
  }
  setTimeout(() => {
    reading = false;
    if (again) {
      again = false;
      read();
    }
  }, PAUSE);
}

let events = null;

function follow() {
  events?.close();
  events = new EventSource(address("jobs/events"));
  events.onopen = () => live("live");
  events.onerror = () => {
    const isOver = events.readyState === EventSource.CLOSED;
    live(isOver ? "not live" : "connecting");
    if (isOver) setTimeout(follow, 5000);
  };
  for (const name of ["submit", "alloc", "finish", "clean", "exception", "urgency", "reset"]) {
    events.addEventListener(name, read);
  }
}

function live(text) {
  $("live").textContent = text;
  $("live").className = text === "live" ? "good" : "";
  if (text === "live") read();
}

// Showing the list.

function value(job, name) {
  if (name === "state") return `${job.state} ${job.result}`;
  if (name === "f58") return number(job.f58);
  return job[name] ?? "";
}

// A number of 64 bits is more than JavaScript's hold: read from its F58 text.
function number(text) {
  return [...text.slice(1)].reduce((sum, letter) => sum * 58n + BigInt(LETTERS.indexOf(letter)), 0n);
}

function compare(one, other) {
  const [a, b] = [value(one, view.sort), value(other, view.sort)];
  if (a === b) return 0;
  if (a === "" || b === "") return a === "" ? 1 : -1; // what is not known comes last
  return (a < b ? -1 : 1) * (view.down ? -1 : 1);
}

function isShown(job) {
  const wanted = $("show").value;
  if (wanted === "ACTIVE") return job.state !== "INACTIVE";
  if (wanted === "FAILED") return BAD.includes(job.result);
  return !wanted || job.result === wanted;
}

function draw() {
  const found = view.jobs.filter(isShown).sort(compare);
  const shown = view.all ? found : found.slice(0, MOST_SHOWN);
  place(shown.map(row));
  $("nothing").hidden = found.length > 0;
  $("more").hidden = shown.length === found.length;
  const unread = view.matching > view.jobs.length ? `, the first ${view.jobs.length} looked at` : "";
  $("count").textContent = `${found.length} of ${view.total} jobs${unread}`;
  for (const heading of document.querySelectorAll("th[data-sort]")) {
    if (heading.dataset.sort === view.sort) heading.ariaSort = view.down ? "descending" : "ascending";
    else heading.ariaSort = null;
  }
  const open = view.jobs.find((job) => job.f58 === view.open);
  if (open) drawFacts(open);
}

// Rows that are where they belong are not touched.
function place(wanted) {
  const body = $("jobs");
  const kept = new Set(wanted);
  for (const old of [...body.children].filter((one) => !kept.has(one))) {
    old.remove();
    rows.delete(old.dataset.job);
  }
  wanted.forEach((one, at) => {
    if (body.children[at] !== one) body.insertBefore(one, body.children[at] ?? null);
  });
}

function row(job) {
  if (!rows.has(job.f58)) rows.set(job.f58, $("row").content.cloneNode(true).firstElementChild);
  const made = rows.get(job.f58);
  made.dataset.job = job.f58;
  const [id, name, state, submitted, ...others] = made.cells;
  id.firstElementChild.textContent = job.f58;
  name.textContent = job.name ?? "";
  state.firstElementChild.textContent = label(job);
  state.firstElementChild.className = `state ${kind(job)}`;
  const when = new Date(job.t_submit * 1000);
  submitted.firstElementChild.dateTime = when.toISOString();
  submitted.firstElementChild.textContent = when.toLocaleString(undefined, { dateStyle: "short", timeStyle: "medium" });
  const rest = [seconds(job), job.ntasks ?? "", job.ncores ?? "", job.nodelist ?? ""];
  rest.forEach((text, at) => (others[at].textContent = text));
  made.querySelector("[data-cancel]").hidden = job.state === "INACTIVE";
  return made;
}

function label(job) {
  return job.state === "INACTIVE" ? job.result : job.state;
}

function kind(job) {
  if (job.state === "RUN" || job.state === "CLEANUP") return "running";
  if (job.state !== "INACTIVE") return "waiting";
  return job.result === "COMPLETED" ? "good" : "bad";
}

function seconds(job) {
  if (!job.t_run) return "";
  const ran = job.state === "RUN" ? Date.now() / 1000 - job.t_run : job.runtime;
  if (ran < 60) return `${Math.max(0, ran).toFixed(1)} s`;
  const [hours, minutes, rest] = [ran / 3600, (ran / 60) % 60, ran % 60].map(Math.floor);
  return [hours, minutes, rest].map((part) => String(part).padStart(2, "0")).join(":");
}

// One job.

let stream = null;

function openJob(f58) {
  const job = view.jobs.find((one) => one.f58 === f58);
  view.open = f58;
  $("job-title").textContent = `${job?.name ?? "Job"} ${f58}`;
  $("facts").replaceChildren();
  if (job) drawFacts(job);
  $("output").textContent = "";
  $("job").showModal();
  readOutput(f58);
}

function drawFacts(job) {
  const facts = {
    State: label(job),
    "Exit code": job.returncode,
    Exception: [job.exception.type, job.exception.note].filter(Boolean).join(": "),
    "Run time": seconds(job),
    "Time limit": job.duration ? `${job.duration} s` : "",
    Urgency: job.urgency,
    Nodes: job.nodelist,
  };
  const known = Object.entries(facts).filter(([, text]) => text !== undefined && text !== "");
  $("facts").replaceChildren(
    ...known.map(([name, text]) => {
      const pair = document.createElement("div");
      pair.append(element("dt", name), element("dd", text));
      return pair;
    }),
  );
  $("cancel").hidden = job.state === "INACTIVE";
}

function element(name, text) {
  return Object.assign(document.createElement(name), { textContent: text });
}

async function readOutput(f58) {
  stream?.abort();
  const own = (stream = new AbortController());
  $("reading").textContent = "as it is written";
  try {
    const answer = await ask(`jobs/${encodeURIComponent(f58)}/output/stream`, { signal: own.signal, headers: {} });
    const pieces = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let piece = await pieces.read(); !piece.done; piece = await pieces.read()) add(piece.value);
    $("reading").textContent = $("output").textContent ? "" : "nothing was written";
  } catch (error) {
    if (!own.signal.aborted) $("reading").textContent = `cannot be read: ${error.message}`;
  }
}

function add(text) {
  const output = $("output");
  const isAtEnd = output.scrollHeight - output.scrollTop - output.clientHeight < 40;
  output.append(text);
  if (output.textContent.length > MOST_OUTPUT) output.textContent = output.textContent.slice(-MOST_OUTPUT / 2);
  if (isAtEnd) output.scrollTop = output.scrollHeight;
}

async function cancelJob(f58) {
  if (!confirm(`Cancel job ${f58}?`)) return;
  try {
    await ask(`jobs/${encodeURIComponent(f58)}/cancel`, { method: "POST" });
    complain(null);
  } catch (error) {
    complain(error);
  }
  read();
}

// A new job.

function asked(form) {
  const fields = Object.fromEntries([...new FormData(form)].filter(([, text]) => text.trim()));
  if (fields.envars) {
    const pairs = fields.envars.split("\n").filter((line) => line.trim());
    fields.envars = Object.fromEntries(pairs.map((line) => [line.split("=", 1)[0].trim(), line.split("=").slice(1).join("=")]));
  }
  return fields;
}

async function submitJob(event) {
  event.preventDefault();
  const form = event.target;
  const headers = { "Content-Type": "application/json", Accept: "application/json" };
  $("errors").hidden = true;
  try {
    await ask("jobs/submit", { method: "POST", headers, body: JSON.stringify(asked(form)) });
    form.reset();
    $("submission").close();
    read();
  } catch (error) {
    $("errors").replaceChildren(...(error.errors?.length ? error.errors : [error.message]).map((text) => element("li", text)));
    $("errors").hidden = false;
  }
}

// What people do.

$("jobs").addEventListener("click", (event) => {
  const f58 = event.target.closest("tr").dataset.job;
  if (event.target.matches("[data-open]")) openJob(f58);
  if (event.target.matches("[data-cancel]")) cancelJob(f58);
});
document.querySelector("thead").addEventListener("click", (event) => {
  const name = event.target.closest("th[data-sort]")?.dataset.sort;
  if (!name) return;
  Object.assign(view, { sort: name, down: view.sort === name ? !view.down : false });
  draw();
});
let typing = 0;
$("search").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(read, 200);
});
$("show").addEventListener("change", draw);
$("more").addEventListener("click", () => {
  view.all = true;
  draw();
});
$("new").addEventListener("click", () => $("submission").showModal());
$("cancel").addEventListener("click", () => cancelJob(view.open));
$("job").addEventListener("close", () => {
  stream?.abort();
  view.open = null;
});
for (const button of document.querySelectorAll("[data-close]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
$("submission").querySelector("form").addEventListener("submit", submitJob);
$("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  key = new FormData(event.target).get("key");
  sessionStorage.setItem("key", key);
  follow();
  read();
});
setInterval(() => {
  if (!document.hidden && view.jobs.some((job) => job.state === "RUN")) draw(); // run times grow
}, 1000);

read();
follow();
