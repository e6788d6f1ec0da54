// Pieces of the page: what became of a call, a question of the conscience, words of the gateway. Everything that comes from
// outside is set as text, never as markup.

export function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined && text !== null) element.textContent = text;
  return element;
}

// Our own sentences start small where they are also errors on a command line.
export function sentence(text) {
  return /^[a-z]/.test(text) ? text[0].toUpperCase() + text.slice(1) : text;
}

export function seconds(ms) {
  if (ms < 1) return "under 1 ms";
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(ms < 10000 ? 1 : 0)} s`;
}

export function bytes(count) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  while (count >= 1000 && unit < units.length - 1) { count /= 1000; unit += 1; }
  return `${unit === 0 || count >= 10 ? Math.round(count) : count.toFixed(1)} ${units[unit]}`;
}

export const HEADS = {
  result: ["good", "Allowed"],
  failure: ["warn", "Failed"],
  refusal: ["bad", "Refused"],
};

export function cardOf(state, label, tool) {
  const card = make("article", `card ${state}`);
  const head = make("header");
  head.append(make("span", "tag", label), make("span", "tool", tool));
  card.append(head);
  return card;
}

// What came of asking the person.
const ANSWERED = { approved: "You approved it", denied: "You said no", timeout: "Nobody answered in time" };

export function objection(answer) {
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

export function callCard(answer) {
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

export function resultParts(result) {
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
  button.addEventListener("click", () => button.dispatchEvent(new CustomEvent("attempt", { bubbles: true, detail: message })));
  return button;
}

export function words(text) {
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

export function toolList(tools) {
  const card = make("article", "card tools");
  for (const tool of tools) {
    const row = make("div");
    row.append(make("span", "tool", tool.name), make("p", "", tool.description), attempt(tool.example));
    card.append(row);
  }
  return card;
}

export function notice(label, body) {
  const card = cardOf("warn", label, "");
  body.classList.add("inside");
  card.append(body);
  return card;
}

// A question of the conscience: what would run, why it asks, and two buttons.
export function questionCard(question) {
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
      if (response.ok) {
        document.dispatchEvent(new Event("decided"));
        return;
      }
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

