// One turn of the conversation as it is seen: thoughts, words, calls and questions in the order in which they came. What is
// shown is kept as plain blocks, so that a reload shows the same.
import { HEADS, callCard, cardOf, make, notice, questionCard, resultParts, sentence, toolList, words } from "./cards.js";
import { markdown } from "./markdown.js";

const number = new Intl.NumberFormat("en");

/** A call of a model: its head says what became of it, the rest unfolds. A refusal is always open. */
function callBlock(block) {
  const { reply } = block;
  if (!reply) {
    const card = cardOf("busy", block.state === "running" ? "Running" : "Asking the conscience", block.tool);
    card.firstChild.append(make("span", "what", brief(block.params)));
    return card;
  }
  if (reply.kind === "refusal") return callCard(reply);
  if (!HEADS[reply.kind]) return notice("Held back", make("p", "", sentence(reply.text ?? "")));
  const card = callCard(reply);
  const fold = make("details", card.className);
  const summary = make("summary");
  summary.append(...card.firstChild.childNodes);
  summary.insertBefore(make("span", "what", brief(block.params)), summary.querySelector(".facts"));
  card.firstChild.remove();
  fold.append(summary, make("pre", "", JSON.stringify(block.params, null, 2)), ...card.childNodes);
  return fold;
}

/** The first argument, which mostly says what a call is about. */
function brief(params) {
  const first = Object.values(params ?? {})[0];
  if (first === undefined) return "";
  return typeof first === "string" ? first : JSON.stringify(first);
}

/** A call out of an earlier conversation, of which only the words are kept. */
function pastCall(block) {
  const fold = make("details", `card ${block.failed ? "warn" : "good"}`);
  const summary = make("summary");
  summary.append(make("span", "tag", block.failed ? "Failed or refused" : "Called"), make("span", "tool", block.tool), make("span", "what", brief(block.params)));
  fold.append(summary, make("pre", "", JSON.stringify(block.params, null, 2)), make("pre", block.failed ? "err" : "", block.told));
  return fold;
}

function thoughts(block) {
  const fold = make("details", "thoughts");
  fold.append(make("summary", "", "Thoughts"), make("p", "", block.text));
  return fold;
}

function show(block) {
  switch (block.type) {
    case "thinking": return thoughts(block);
    case "text": return markdown(block.text);
    case "note": return make("p", "aside", block.text);
    case "past": return pastCall(block);
    default: return callBlock(block);
  }
}

/** What of `text` comes after `said`, whose blank space may be another. */
function beyond(said, text) {
  let at = 0;
  for (const letter of said.replace(/\s+/g, "")) {
    while (/\s/.test(text.charAt(at))) at += 1;
    if (!text.startsWith(letter, at)) return "";
    at += letter.length;
  }
  return text.slice(at).trim();
}

/** What is shown besides the blocks once the answer is there. */
function ending(answer, blocks) {
  const parts = [];
  const said = blocks.some((block) => block.type === "text");
  if (HEADS[answer.kind]) parts.push(callCard(answer));
  else if (answer.kind === "tools") parts.push(toolList(answer.tools));
  else if (answer.kind === "problem") parts.push(notice(answer.label, words(answer.text)));
  else if (answer.kind === "error") parts.push(notice(answer.stop_reason === "error" ? "No answer" : "Not understood", words(answer.text)));
  else if (answer.model === "gateway") parts.push(words(answer.text));
  else if (!said && answer.text) parts.push(markdown(answer.text));
  else {
    // What the gateway adds below the model's own words.
    const all = blocks.filter((block) => block.type === "text").map((block) => block.text).join("");
    const more = beyond(all, answer.text ?? "");
    if (more) parts.push(make("p", "aside", more));
  }
  const { usage } = answer;
  if (usage && answer.model !== "gateway" && usage.output_tokens) {
    const read = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens;
    const cached = usage.cache_read_tokens ? `, ${number.format(usage.cache_read_tokens)} of them cached` : "";
    parts.push(make("p", "cost", `${answer.model} · ${number.format(read)} tokens read${cached}, ${number.format(usage.output_tokens)} written`));
  }
  return parts;
}

/** A turn that is over. */
export function pastTurn(blocks, answer) {
  const item = make("li", "turn");
  item.append(...blocks.map(show), ...(answer ? ending(answer, blocks) : []));
  return item;
}

/** What Tab stops at within an element. */
function stops(element) {
  return [...element.querySelectorAll("a[href], button, summary")];
}

/** A turn that is under way; `grown` is told when there is more to see. */
export function liveTurn(grown) {
  const item = make("li", "turn");
  const blocks = [];
  const elements = [];
  const questions = new Map();
  let stale = null; // the block whose words grew since the last frame
  const started = performance.now();
  const timer = setInterval(() => {
    for (const { tick } of questions.values()) tick();
    for (const busy of item.querySelectorAll(".busy")) {
      let facts = busy.querySelector(".facts");
      if (!facts) busy.firstChild.append((facts = make("span", "facts")));
      facts.textContent = `${Math.round((performance.now() - started) / 1000)} s`;
    }
  }, 1000);

  const draw = (at) => {
    const element = show(blocks[at]);
    const before = elements[at];
    if (before) {
      // Who has gone to a link or a fold of it stays there.
      const focused = stops(before).indexOf(document.activeElement);
      before.replaceWith(element);
      stops(element)[focused]?.focus({ preventScroll: true });
    } else item.append(element);
    elements[at] = element;
    grown();
  };
  const add = (block) => {
    blocks.push(block);
    draw(blocks.length - 1);
  };
  const say = (type, text) => {
    const last = blocks.length - 1;
    if (blocks[last]?.type !== type) {
      // What parts paragraphs is not the beginning of one.
      if (text.trim()) add({ type, text: text.replace(/^\n+/, "") });
      return;
    }
    blocks[last].text += text;
    if (stale === null) {
      stale = last;
      requestAnimationFrame(() => {
        const open = elements[stale].open;
        draw(stale);
        if (open) elements[stale].open = true;
        stale = null;
      });
    }
  };
  const find = (id) => blocks.findLastIndex((block) => block.type === "call" && block.id === id);
  const settle = (id, changes) => {
    const at = find(id);
    if (at < 0) return;
    Object.assign(blocks[at], changes);
    draw(at);
  };
  const answered = (trace) => {
    questions.get(trace)?.card.remove();
    questions.delete(trace);
  };
  return {
    item,
    blocks,
    step(step) {
      switch (step.event) {
        case "text": return say("text", step.text);
        case "thinking": return say("thinking", step.text);
        case "note": return add({ type: "note", text: step.text });
        case "judging": return add({ type: "call", id: step.call_id, tool: step.tool, params: step.params, state: "judging" });
        case "running":
          answered(step.trace_id);
          return settle(step.call_id, { state: "running" });
        case "called":
          answered(step.trace_id);
          return settle(step.call_id, { reply: step });
        case "asking": {
          const question = questionCard(step);
          questions.set(step.trace_id, question);
          question.tick();
          item.append(question.card);
          return grown();
        }
        default: return undefined;
      }
    },
    /** Shows the answer; what was asked by a command becomes the answer's own card. */
    end(answer) {
      clearInterval(timer);
      for (const trace of [...questions.keys()]) answered(trace);
      for (let at = blocks.length - 1; at >= 0; at -= 1) {
        const block = blocks[at];
        if (block.type === "call" && !block.reply) {
          elements[at].remove();
          blocks.splice(at, 1);
          elements.splice(at, 1);
        }
      }
      item.append(...ending(answer, blocks));
      grown();
    },
  };
}
