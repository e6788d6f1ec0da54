// The chat page: sends a message, shows what happens while it is worked on, then the answer. Everything that comes from
// outside is set as text, never as markup.
"use strict";

const HISTORY_KEY = "smoltbot.chat";
const HISTORY_CHARS = 1_000_000;

const form = document.getElementById("composer");
const field = document.getElementById("message");
const send = document.getElementById("send");
const log = document.getElementById("log");
const welcome = document.getElementById("welcome");
const fresh = document.getElementById("fresh");
const scroller = document.getElementById("scroll");
const maxBytes = Number(form.dataset.maxBytes);

let sessionId = null;
let turns = []; // [{said, answer}], for a reload
let running = null; // the AbortController of the message that is being answered
let chats = 0; // counts up with every new chat, so that a late answer does not land in the wrong one
let recalled = 0; // how far back the arrow keys went

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined && text !== null) element.textContent = text;
  return element;
}

function add(element) {
  welcome.hidden = true;
  fresh.hidden = false;
  log.append(element);
  scroller.scrollTop = scroller.scrollHeight;
  return element;
}

// Our own sentences start small where they are also errors on a command line.
function sentence(text) {
  return /^[a-z]/.test(text) ? text[0].toUpperCase() + text.slice(1) : text;
}

function seconds(ms) {
  if (ms < 1) return "under 1 ms";
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(ms < 10000 ? 1 : 0)} s`;
}

function bytes(count) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  while (count >= 1000 && unit < units.length - 1) { count /= 1000; unit += 1; }
  return `${unit === 0 || count >= 10 ? Math.round(count) : count.toFixed(1)} ${units[unit]}`;
}

// Answers

const HEADS = {
  result: ["good", "Allowed"],
  failure: ["warn", "Failed"],
  refusal: ["bad", "Refused"],
};

function cardOf(state, label, tool) {
  const card = make("article", `card ${state}`);
  const head = make("header");
  head.append(make("span", "tag", label), make("span", "tool", tool));
  card.append(head);
  return card;
}

// What came of asking the person.
const ANSWERED = { approved: "You approved it", denied: "You said no", timeout: "Nobody answered in time" };

function objection(answer) {
  const parts = [make("p", "reason", answer.reason)];
  if (answer.advice) {
    const advice = make("p", "advice", answer.advice);
    advice.prepend(make("b", "", "What to do instead"));
    parts.push(advice);
  }
  const chips = make("ul", "chips");
  for (const value of answer.values_violated) chips.append(make("li", "", value.replaceAll("_", " ")));
  if (chips.childElementCount) parts.push(chips);
  return parts;
}

function callCard(answer) {
  const [state, name] = HEADS[answer.kind];
  const asked = answer.verdict === "ask" && answer.kind === "refusal";
  const label = ANSWERED[answer.approval] ?? (asked ? "Needs a person’s yes" : name);
  const card = cardOf(state, label, answer.tool);
  const head = card.firstChild;
  if (answer.kind === "refusal") {
    card.classList.add("refusal");
    card.append(...objection(answer));
  } else {
    const facts = make("span", "facts");
    if (answer.exit_code !== null) facts.append(make("span", answer.exit_code ? "off" : "", `exit ${answer.exit_code}`), " · ");
    facts.append(seconds(answer.duration_ms));
    head.append(facts);
    if (answer.error) card.append(make("p", "reason", sentence(answer.error)));
    if (answer.result !== null) card.append(...resultParts(answer.result));
  }
  const foot = make("footer");
  if (answer.rule_id) foot.append(make("code", "", answer.rule_id));
  else if (answer.kind !== "refusal") foot.append(make("span", "", answer.reason));
  const link = make("a", "", "See the trace →");
  link.href = answer.trace_url;
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  foot.append(link);
  card.append(foot);
  return card;
}

function resultParts(result) {
  if (Array.isArray(result.entries)) {
    if (!result.entries.length) return [make("p", "empty", "The directory is empty.")];
    const list = make("ul", "files");
    for (const entry of result.entries) {
      const item = make("li");
      const directory = entry.type === "directory";
      item.append(make("span", `name ${directory ? "directory" : ""}`, entry.name + (directory ? "/" : "")));
      item.append(make("span", "size", entry.type === "file" ? bytes(entry.bytes) : directory ? "" : entry.type));
      list.append(item);
    }
    return result.truncated ? [list, make("p", "empty", `Shown: ${result.truncated}.`)] : [list];
  }
  if (typeof result.stdout === "string") {
    const parts = [];
    if (result.stdout) parts.push(make("pre", "", result.stdout));
    if (result.stderr) parts.push(make("pre", "err", result.stderr));
    return parts.length ? parts : [make("p", "empty", "It printed nothing.")];
  }
  if (typeof result.content === "string") {
    const parts = [result.content ? make("pre", "", result.content) : make("p", "empty", "Nothing in it.")];
    if (result.next_offset) parts.push(make("p", "empty", `It goes on at line ${result.next_offset}.`));
    return parts;
  }
  return [make("pre", "", JSON.stringify(result, null, 2))];
}

// A message that can be tried: it goes into the composer, the person sends it.
function attempt(message) {
  const button = make("button", "try", message);
  button.type = "button";
  button.addEventListener("click", () => {
    field.value = message;
    update();
    field.focus();
  });
  return button;
}

function words(text) {
  const box = make("div", "words");
  for (const part of text.split("\n\n")) {
    const lines = part.split("\n");
    const shown = lines.filter((line) => !/^\/run \S+ \{.*\}$/.test(line));
    // What is lined up in columns, or pointed at, keeps its columns.
    const aligned = lines.some((line) => /\S {3,}\S|^ *\^$/.test(line));
    if (aligned) box.append(make("pre", "", part));
    else if (shown.length) box.append(make("p", "", sentence(shown.join("\n"))));
    if (!aligned) for (const line of lines) if (!shown.includes(line)) box.append(attempt(line));
  }
  return box;
}

function toolList(tools) {
  const card = make("article", "card tools");
  for (const tool of tools) {
    const row = make("div");
    row.append(make("span", "tool", tool.name), make("p", "", tool.description), attempt(tool.example));
    card.append(row);
  }
  return card;
}

function notice(label, body) {
  const card = cardOf("warn", label, "");
  body.classList.add("inside");
  card.append(body);
  return card;
}

function render(answer) {
  const item = make("li");
  if (HEADS[answer.kind]) item.append(callCard(answer));
  else if (answer.kind === "tools") item.append(toolList(answer.tools));
  else if (answer.kind === "problem") item.append(notice(answer.label, words(answer.text)));
  else if (answer.kind === "error") item.append(notice("Not understood", words(answer.text)));
  else item.append(words(answer.text));
  return item;
}

// Talking to the gateway

async function ask(message, onStep, signal) {
  const body = { message };
  if (sessionId) body.session_id = sessionId;
  const response = await fetch("/api/chat", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/x-ndjson" },
    body: JSON.stringify(body),
    signal,
  });
  if (!response.ok) {
    const said = await response.json().catch(() => ({}));
    throw new Error(said.detail || `The gateway answered ${response.status}.`);
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error("The connection ended before the answer. What ran was ended, its trace says so.");
    rest += value;
    const lines = rest.split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const step = JSON.parse(line);
      if (step.event === "answer") return step;
      if (step.event === "stopped") throw new Error(`Sorry, ${step.detail}.`);
      onStep(step);
    }
  }
}

// A question of the conscience: what would run, why it asks, and two buttons.
function questionCard(question) {
  const card = cardOf("warn", "Needs your yes", question.tool);
  card.classList.add("question");
  const left = make("span", "facts");
  card.firstChild.append(left);
  card.append(...objection(question));
  const shown = typeof question.params.command === "string" ? question.params.command : JSON.stringify(question.params, null, 2);
  card.append(make("pre", "", shown));
  const foot = make("footer");
  const buttons = [["approve", "Approve once"], ["deny", "Deny"]].map(([decision, label]) => {
    const button = make("button", decision, label);
    button.type = "button";
    button.addEventListener("click", () => decide(decision));
    return button;
  });
  const said = make("span", "said-so");
  said.setAttribute("role", "status");
  foot.append(...buttons, said);
  card.append(foot);
  async function decide(decision) {
    for (const button of buttons) button.disabled = true;
    said.textContent = "";
    try {
      const response = await fetch(`/api/approvals/${encodeURIComponent(question.id)}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ decision }),
      });
      if (response.ok) return;
      const problem = await response.json().catch(() => ({}));
      said.textContent = sentence(problem.detail || `The gateway answered ${response.status}.`);
      if (response.status === 404) return;
    } catch {
      said.textContent = "The gateway cannot be reached. Nothing was decided.";
    }
    for (const button of buttons) button.disabled = false;
  }
  const until = performance.now() + question.timeout_ms;
  return {
    card,
    tick: () => { left.textContent = `${Math.max(0, Math.round((until - performance.now()) / 1000))} s to answer`; },
  };
}

function waiting() {
  const item = make("li");
  item.hidden = true;
  let timer = 0;
  const start = performance.now();
  const put = (card, tick) => {
    clearInterval(timer);
    timer = setInterval(tick, 1000);
    item.replaceChildren(card);
    item.hidden = false;
    scroller.scrollTop = scroller.scrollHeight;
  };
  const show = (label, tool) => {
    const card = cardOf("busy", label, tool);
    const facts = make("span", "facts");
    card.firstChild.append(facts);
    put(card, () => { facts.textContent = `${Math.round((performance.now() - start) / 1000)} s`; });
  };
  const ask = (question) => {
    const { card, tick } = questionCard(question);
    tick();
    put(card, tick);
  };
  return {
    item,
    step: (step) => {
      if (step.event === "asking") ask(step);
      else show(step.event === "judging" ? "Asking the conscience" : "Running", step.tool);
    },
    end: () => { clearInterval(timer); item.remove(); },
  };
}

async function say(message) {
  const chat = chats;
  running = new AbortController();
  update();
  add(make("li", "said", message));
  const wait = waiting();
  add(wait.item);
  let answer;
  try {
    answer = await ask(message, wait.step, running.signal);
  } catch (error) {
    answer = { kind: "problem", label: "No answer", text: error.message };
    if (error.name === "AbortError") {
      answer.label = "Stopped";
      answer.text = "You stopped it. What ran was ended; its trace says that it was abandoned.";
    } else if (error instanceof TypeError) {
      answer.text = "The gateway cannot be reached. Is smoltbot up?";
    }
  }
  wait.end();
  if (chat !== chats) return;
  if (answer.session_id) sessionId = answer.session_id;
  add(render(answer));
  turns.push({ said: message, answer });
  running = null;
  keep();
  update();
  field.focus();
}

// The page remembers its conversation until the tab is closed.

function keep() {
  try {
    let text = JSON.stringify({ sessionId, turns });
    while (text.length > HISTORY_CHARS && turns.length > 1) {
      turns.shift();
      text = JSON.stringify({ sessionId, turns });
    }
    sessionStorage.setItem(HISTORY_KEY, text);
  } catch { /* Private mode or a full storage: the conversation just isn't kept. */ }
}

function recall() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(HISTORY_KEY));
    if (!kept) return;
    sessionId = kept.sessionId;
    turns = kept.turns;
    for (const turn of turns) {
      add(make("li", "said", turn.said));
      add(render(turn.answer));
    }
  } catch {
    sessionStorage.removeItem(HISTORY_KEY);
  }
}

// The composer

function update() {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
  send.classList.toggle("halts", running !== null);
  send.setAttribute("aria-label", running ? "Stop" : "Send");
  send.disabled = running === null && field.value.trim() === "";
}

function submit() {
  const message = field.value.trim();
  if (running || !message) return;
  const size = new TextEncoder().encode(message).length;
  if (size > maxBytes) {
    add(render({ kind: "problem", label: "Too long", text: `The message has ${bytes(size)}; at most ${bytes(maxBytes)} are taken. Put long texts into a file of the workspace.` }));
    return;
  }
  field.value = "";
  recalled = 0;
  say(message);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (running) running.abort();
  else submit();
});

field.addEventListener("input", update);
field.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    submit();
  } else if ((event.key === "ArrowUp" && (!field.value || recalled)) || (event.key === "ArrowDown" && recalled)) {
    const next = recalled + (event.key === "ArrowUp" ? 1 : -1);
    if (next > turns.length) return;
    event.preventDefault();
    recalled = next;
    field.value = next ? turns[turns.length - next].said : "";
    update();
  } else {
    recalled = 0;
  }
});

for (const button of document.querySelectorAll("[data-message]")) {
  button.addEventListener("click", () => { if (!running) say(button.dataset.message); });
}

fresh.addEventListener("click", () => {
  if (running) running.abort();
  running = null;
  chats += 1;
  sessionId = null;
  turns = [];
  sessionStorage.removeItem(HISTORY_KEY);
  log.replaceChildren();
  welcome.hidden = false;
  fresh.hidden = true;
  update();
  field.focus();
});

recall();
update();
