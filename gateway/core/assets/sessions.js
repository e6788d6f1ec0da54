// Conversations that the gateway keeps: a list to choose from, and what was said in one.
import { make } from "./cards.js";
import { get } from "./talk.js";

// How the gateway puts a file's text into a message; here its name is enough.
const FILE = /^\[Attached file: (.+)\]\n`{3,}\n/;

const dialog = document.getElementById("conversations");
const list = document.getElementById("conversation-list");
const when = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

/** Lets the person choose; `open` is told which. */
export function conversations(open) {
  const button = document.getElementById("earlier");
  if (!button) return;
  button.addEventListener("click", async () => {
    list.replaceChildren(make("li", "aside", "Looking…"));
    dialog.showModal();
    try {
      const { sessions } = await get("/api/sessions");
      const items = sessions.map((session) => entry(session, open));
      list.replaceChildren(...(items.length ? items : [make("li", "aside", "Nothing was said yet.")]));
    } catch (error) {
      list.replaceChildren(make("li", "aside", error.message));
    }
  });
}

function entry(session, open) {
  const item = make("li");
  const button = make("button", "", session.label ?? session.title ?? session.key);
  button.type = "button";
  const facts = `${when.format(session.updated_at)} · ${session.channel} · ${session.messages} ${session.messages === 1 ? "message" : "messages"}`;
  button.append(make("span", "aside", facts));
  button.addEventListener("click", async () => {
    dialog.close();
    await open(session);
  });
  item.append(button);
  return item;
}

/** Where the pictures of a message are. */
function shown(key, { id, parts }) {
  const pictures = parts.filter(({ type }) => type === "image");
  return pictures.map((_, at) => `/api/sessions/${encodeURIComponent(key)}/pictures/${id}/${at}`);
}

/** Where those are that were sent last. */
export async function lastPictures(key) {
  const { messages } = await get(`/api/sessions/${encodeURIComponent(key)}`);
  return messages.map((message) => shown(key, message)).findLast((pictures) => pictures.length) ?? [];
}

/** The turns of a conversation, as the page shows them. */
export async function opened(key) {
  const { messages } = await get(`/api/sessions/${encodeURIComponent(key)}`);
  const turns = [];
  const calls = new Map();
  for (const message of messages) {
    const { role, parts } = message;
    const pictures = role === "user" ? shown(key, message) : [];
    const texts = role === "user" ? parts.filter(({ type }) => type === "text").map(({ text }) => text) : [];
    const names = texts.map((text) => FILE.exec(text)?.[1]).filter(Boolean);
    const said = texts.filter((text) => !FILE.test(text)).join("\n\n");
    if (texts.length || pictures.length) turns.push({ said, pictures, names, blocks: [] });
    for (const part of parts) {
      const blocks = turns.at(-1)?.blocks;
      if (!blocks) continue;
      if (part.type === "tool_result") Object.assign(calls.get(part.id) ?? {}, { told: part.content, failed: part.is_error });
      else if (role === "assistant" && part.type === "text") blocks.push({ type: "text", text: part.text });
      else if (part.type === "thinking" && part.text) blocks.push({ type: "thinking", text: part.text });
      else if (part.type === "tool_use") {
        const block = { type: "past", tool: part.name, params: part.input, told: "", failed: false };
        calls.set(part.id, block);
        blocks.push(block);
      }
    }
  }
  return turns;
}
