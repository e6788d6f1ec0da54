// The chat page: sends a message, shows what happens while it is worked on, then the answer.
import { count, listen, saidWith, take } from "./attach.js";
import { bytes } from "./cards.js";
import { conversations, lastPictures, opened } from "./sessions.js";
import { ask, get } from "./talk.js";
import { liveTurn, pastTurn } from "./turn.js";

const HISTORY_KEY = "smoltbot.chat";
const HISTORY_CHARS = 1_000_000;
const CHOICE_KEY = "smoltbot.choice";

const form = document.getElementById("composer");
const field = document.getElementById("message");
const send = document.getElementById("send");
const log = document.getElementById("log");
const welcome = document.getElementById("welcome");
const fresh = document.getElementById("fresh");
const scroller = document.getElementById("scroll");
const choices = document.getElementById("choices");
const maxBytes = Number(form.dataset.maxBytes);

let sessionId = null;
let turns = []; // [{said, pictures, names, blocks, answer}], for a reload
let running = null; // the AbortController of the message that is being answered
let chats = 0; // counts up with every new chat, so that a late answer does not land in the wrong one
let recalled = 0; // how far back the arrow keys went

// Who reads further up is left there.
function follow(change) {
  const near = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 120;
  change();
  if (near) scroller.scrollTop = scroller.scrollHeight;
}

function add(element) {
  welcome.hidden = true;
  fresh.hidden = false;
  log.append(element);
  scroller.scrollTop = scroller.scrollHeight;
}

function chosen() {
  const body = {};
  for (const select of choices?.querySelectorAll("select") ?? []) if (select.value) body[select.name] = select.value;
  return body;
}

async function say(message, { pictures, names, sent } = { pictures: [], names: [], sent: async () => [] }) {
  const chat = chats;
  running = new AbortController();
  update();
  add(saidWith(message, pictures, names));
  const turn = liveTurn(() => follow(() => {}));
  add(turn.item);
  let answer;
  try {
    const body = { message, ...chosen() };
    if (sessionId) body.session_id = sessionId;
    const attachments = await sent();
    if (attachments.length) body.attachments = attachments;
    answer = await ask(body, (step) => follow(() => turn.step(step)), running.signal);
  } catch (error) {
    answer = { kind: "problem", label: "No answer", text: error.message };
    if (error.name === "AbortError") {
      answer.label = "Stopped";
      answer.text = "You stopped it. What ran was ended; its trace says that it was abandoned.";
    } else if (error instanceof TypeError) {
      answer.text = "The gateway cannot be reached. Is smoltbot up?";
    }
  }
  if (chat !== chats) return;
  follow(() => turn.end(answer));
  if (answer.session_id) sessionId = answer.session_id;
  const said = { said: message, names, blocks: turn.blocks, answer };
  turns.push(said);
  running = null;
  // Who is somewhere else by now stays there.
  const here = [document.body, send, field].includes(document.activeElement);
  keep();
  update();
  if (here) field.focus();
  // What was chosen here is gone with the page; the gateway has kept it.
  if (pictures.length && sessionId) {
    said.pictures = await lastPictures(sessionId).catch(() => []);
    if (chat === chats) keep();
  }
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

function showAll() {
  for (const turn of turns) {
    if (turn.said || turn.pictures?.length || turn.names?.length) add(saidWith(turn.said, turn.pictures, turn.names));
    add(pastTurn(turn.blocks ?? [], turn.answer));
  }
}

function recall() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(HISTORY_KEY));
    if (!kept) return;
    ({ sessionId, turns } = kept);
    showAll();
  } catch {
    sessionStorage.removeItem(HISTORY_KEY);
  }
}

function leave() {
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
}

conversations(async (session) => {
  leave();
  sessionId = session.key;
  turns = await opened(session.key);
  showAll();
  keep();
});

// Which model, and how long it thinks.

async function offer() {
  if (!choices) return;
  const kept = JSON.parse(localStorage.getItem(CHOICE_KEY) ?? "{}");
  const { data } = await get("/v1/models");
  const models = choices.querySelector("[name=model]");
  for (const { id } of data) if (id !== "smoltbot") models.append(new Option(id, id));
  models.parentElement.hidden = models.options.length < 2;
  for (const select of choices.querySelectorAll("select")) {
    if ([...select.options].some((option) => option.value === kept[select.name])) select.value = kept[select.name];
    select.addEventListener("change", () => {
      try { localStorage.setItem(CHOICE_KEY, JSON.stringify(chosen())); } catch { /* It just isn't kept. */ }
    });
  }
  choices.hidden = false;
}

// The composer

function update() {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
  send.classList.toggle("halts", running !== null);
  send.setAttribute("aria-label", running ? "Stop" : "Send");
  send.disabled = running === null && field.value.trim() === "" && count() === 0;
}

function submit() {
  const message = field.value.trim();
  if (running || (!message && count() === 0)) return;
  const size = new TextEncoder().encode(message).length;
  if (size > maxBytes) {
    add(pastTurn([], { kind: "problem", label: "Too long", text: `The message has ${bytes(size)}; at most ${bytes(maxBytes)} are taken. Put long texts into a file of the workspace.` }));
    return;
  }
  field.value = "";
  recalled = 0;
  say(message, take());
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (running) running.abort();
  else submit();
});

listen(field, update);
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

// Wherever the focus is; but what is open in front of the page takes the key first.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.isComposing || event.defaultPrevented || document.querySelector("dialog[open]")) return;
  if (running) running.abort();
});

// The buttons of an answered question go; whoever pressed one goes on in the composer.
document.addEventListener("decided", () => field.focus());

// A message that can be tried goes into the composer; the person sends it.
document.addEventListener("attempt", (event) => {
  field.value = event.detail;
  update();
  field.focus();
});

for (const button of document.querySelectorAll("[data-message]")) {
  button.addEventListener("click", () => {
    if (running) return;
    // The button is about to be hidden.
    field.focus();
    say(button.dataset.message);
  });
}

fresh.addEventListener("click", leave);

recall();
update();
offer().catch(() => { /* Without a choice the gateway's own default answers. */ });
