// Draws a whole session: a list of which only what is seen is in the page, over a strip that shows all of it. The first calls
// come from the server and stay there for whoever runs no scripts. Text from others goes in as text only.
"use strict";
(() => {
  const section = document.querySelector("[data-session]");
  if (!section) return;
  const ROW = 30;
  const OVERSCAN = 8;
  const SILENCE = 10000;
  const LEVELS = 6;
  const KINDS = { a: ["allow", "Allowed"], d: ["deny", "Refused"], e: ["error", "Error"] };
  const SVG = "http://www.w3.org/2000/svg";
  const box = section.querySelector(".fall-box");
  const whole = section.querySelector("[data-whole]");
  const note = section.querySelector("[data-note]");
  const counted = (count, one, many) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
  // The same words as the server's.
  const said = (ms) => {
    if (!(ms >= 0)) return "–";
    if (ms < 10 && ms % 1 > 0.05) return ms.toFixed(1) + " ms";
    if (ms < 1000) return Math.round(ms) + " ms";
    if (ms < 60000) return (ms / 1000).toFixed(1) + " s";
    const s = Math.floor(ms / 1000);
    if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
    return s < 86400 ? `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min` : `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
  };
  const make = (name, className, text) => {
    const element = document.createElement(name);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };

  // Columns of all calls that were read: start, duration, kind, tool's name, rule's name, outcome, id, level.
  const start = [], took = [], kind = [], tool = [], rule = [], outcome = [], id = [], level = [];
  const around = [];
  let next = null;

  const add = (part) => {
    let at = part.first;
    for (let index = 0; index < part.steps.length; index++) {
      at += part.steps[index];
      const ran = Math.max(0, part.took[index]);
      const end = at + ran;
      while (around.length && (around[around.length - 1] <= at || around[around.length - 1] < end)) around.pop();
      around.push(end);
      start.push(at);
      took.push(part.took[index]);
      kind.push(part.kinds[index]);
      tool.push(part.tools[part.tool[index]] ?? "");
      rule.push(part.rules[part.rule[index]] ?? "");
      outcome.push(part.outcomes[part.outcome[index]] ?? "");
      id.push(part.ids.slice(index * 32, index * 32 + 32));
      level.push(Math.min(around.length - 1, LEVELS));
    }
    next = part.next ?? null;
  };
  const page = (hex) => "/trace/" + hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");

  // Lines of the list: a call's number, or minus one less than the number of the call that a silence is before.
  let lines = [];
  let only = "";
  let named = "";
  const sift = () => {
    lines = [];
    let end = start[0] ?? 0;
    const all = !only && !named;
    for (let call = 0; call < start.length; call++) {
      if ((only && kind[call] !== only) || (named && tool[call] !== named)) continue;
      if (all && start[call] - end > SILENCE * 3) lines.push(-1 - call);
      lines.push(call);
      end = Math.max(end, start[call] + Math.max(0, took[call]));
    }
  };

  const list = make("ol", "fall all");
  const size = make("div", "fall-size");
  // Rows that are in the page, by their line; one that is looked at or focused stays the same element while one scrolls.
  const rows = new Map();
  const row = () => {
    const item = make("li");
    const link = make("a");
    const name = make("span", "ft");
    const icon = document.createElementNS(SVG, "svg");
    icon.setAttribute("class", "ico");
    icon.setAttribute("aria-hidden", "true");
    const use = document.createElementNS(SVG, "use");
    icon.append(use);
    const text = make("bdi");
    const verdict = make("span", "hide");
    name.append(icon, text, verdict);
    const bar = document.createElementNS(SVG, "svg");
    for (const [key, value] of [["viewBox", "0 0 1000 10"], ["preserveAspectRatio", "none"], ["aria-hidden", "true"]]) bar.setAttribute(key, value);
    const path = document.createElementNS(SVG, "path");
    bar.append(path);
    const duration = make("span", "dur");
    const decided = make("span", "rl");
    link.append(name, bar, decided, duration);
    const silence = make("span");
    item.append(link);
    return { item, link, name, use, text, verdict, path, decided, duration, silence };
  };

  let drawn = "";
  const draw = () => {
    const from = Math.max(0, Math.floor(box.scrollTop / ROW) - OVERSCAN);
    const to = Math.min(lines.length, Math.ceil((box.scrollTop + box.clientHeight) / ROW) + OVERSCAN);
    mark();
    const now = `${from} ${to} ${only} ${named} ${lines.length}`;
    if (now === drawn) return;
    drawn = now;
    // Bars share the time of the calls that are here; what is too long a silence for that is folded.
    const calls = lines.slice(from, to).filter((line) => line >= 0);
    const busy = calls.reduce((sum, call) => sum + Math.max(0, took[call]), 0);
    const kept = Math.max(50, busy * 0.04);
    const places = new Map();
    let end = start[calls[0]] ?? 0;
    let moved = end;
    let length = 1;
    for (const call of calls) {
      const silence = start[call] - end;
      if (silence > SILENCE && silence > busy / 2) moved += silence - kept;
      const ran = Math.max(0, took[call]);
      places.set(call, start[call] - moved);
      length = Math.max(length, start[call] - moved + ran);
      end = Math.max(end, start[call] + ran);
    }
    const spare = [];
    for (const [line, parts] of rows) {
      if (line >= from && line < to) continue;
      rows.delete(line);
      parts.item.remove();
      spare.push(parts);
    }
    let place = list.firstChild;
    for (let line = from; line < to; line++) {
      const parts = rows.get(line) ?? spare.pop() ?? row();
      rows.set(line, parts);
      if (parts.item === place) place = place.nextSibling;
      else list.insertBefore(parts.item, place);
      const call = lines[line];
      parts.item.setAttribute("aria-setsize", lines.length);
      parts.item.setAttribute("aria-posinset", line + 1);
      if (call < 0) {
        const behind = -1 - call;
        parts.item.className = "gap";
        let before = 0;
        for (let other = Math.max(0, behind - 50); other < behind; other++) before = Math.max(before, start[other] + Math.max(0, took[other]));
        parts.silence.textContent = said(start[behind] - before) + " of silence";
        parts.item.replaceChildren(parts.silence);
        continue;
      }
      const [name, word] = KINDS[kind[call]] ?? KINDS.e;
      const ran = Math.max(0, took[call]);
      const x = (places.get(call) / length) * 995;
      const width = Math.min(Math.max((ran / length) * 1000, 5), 1000 - x);
      parts.item.className = name;
      parts.link.setAttribute("href", page(id[call]));
      const hint = [new Date(start[call]).toISOString().replace("T", " "), rule[call], outcome[call]].filter(Boolean).join(" · ");
      parts.link.title = hint;
      parts.name.className = "ft l" + (only || named ? 0 : level[call]);
      parts.use.setAttribute("href", "#i-" + name);
      parts.text.textContent = tool[call];
      parts.verdict.textContent = " " + word;
      parts.path.setAttribute("d", `M${x.toFixed(1)} 0h${width.toFixed(1)}v10h-${width.toFixed(1)}z`);
      parts.decided.textContent = kind[call] === "d" ? rule[call] : "";
      parts.decided.className = x < 500 ? "rl far" : "rl";
      parts.duration.textContent = kind[call] === "d" ? "not run" : said(took[call]);
      if (parts.item.firstChild !== parts.link) parts.item.replaceChildren(parts.link);
    }
    list.style.transform = `translateY(${from * ROW}px)`;
  };

  // The strip: every line of the list from left to right, refusals and failures in their colours.
  const strip = make("div", "strip");
  const canvas = make("canvas");
  const view = make("i");
  strip.setAttribute("aria-hidden", "true");
  strip.append(canvas, view);
  const mark = () => {
    const height = Math.max(1, lines.length * ROW);
    view.style.width = Math.min(100, (box.clientHeight / height) * 100) + "%";
    view.style.transform = `translateX(${(box.scrollTop / height) * strip.clientWidth}px)`;
  };
  const paint = () => {
    const ratio = devicePixelRatio || 1;
    const [width, height] = [Math.max(1, strip.clientWidth), Math.max(1, strip.clientHeight)];
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const [grey, red, amber] = ["--bar", "--deny", "--error"].map(colour);
    const longest = Math.log1p(lines.reduce((most, call) => (call >= 0 ? Math.max(most, took[call]) : most), 1));
    const most = new Float64Array(width);
    const counts = { a: new Float64Array(width), d: new Float64Array(width), e: new Float64Array(width) };
    lines.forEach((call, line) => {
      if (call < 0) return;
      const column = Math.min(width - 1, Math.floor((line / lines.length) * width));
      most[column] = Math.max(most[column], Math.log1p(Math.max(0, took[call])) / longest);
      (counts[kind[call]] ?? counts.e)[column] += 1;
    });
    // Grey is as tall as the longest call took, on a scale of powers; what was refused or failed stands before it, as tall as
    // its share of the calls there, and never too small to be seen.
    const wide = Math.max(1, width / Math.max(1, lines.length) - 1);
    const part = (count, all) => (count ? Math.max(5, (count / all) * height) : 0);
    for (let column = 0; column < width; column++) {
      const [refused, failed] = [counts.d[column], counts.e[column]];
      const all = refused + failed + counts.a[column];
      if (!all) continue;
      const bar = (name, from, tall) => {
        pen.fillStyle = name;
        pen.fillRect(column, height - from - tall, wide, tall);
      };
      const low = part(refused, all);
      if (counts.a[column]) bar(grey, 0, Math.max(2, most[column] * (height - 4)));
      if (refused) bar(red, 0, low);
      if (failed) bar(amber, low, part(failed, all));
    }
    mark();
  };
  const reach = (event) => {
    const bounds = strip.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - bounds.left) / bounds.width));
    box.scrollTop = share * lines.length * ROW - box.clientHeight / 2;
  };
  strip.addEventListener("pointerdown", (event) => { strip.setPointerCapture(event.pointerId); reach(event); });
  strip.addEventListener("pointermove", (event) => { if (strip.hasPointerCapture(event.pointerId)) reach(event); });

  // What is above the list: which calls, and from one refusal to the next.
  const tools = make("div", "whole-tools");
  const tells = make("output");
  const chooses = [["", "All"], ["d", "Refused"], ["e", "Errors"]].map(([which, words]) => {
    const button = make("button", "", words);
    button.type = "button";
    button.addEventListener("click", () => { only = which; renew(); });
    return [which, button];
  });
  const select = make("select");
  select.setAttribute("aria-label", "Tool");
  select.addEventListener("change", () => { named = select.value; renew(); });
  const steps = [[-1, "↑ Refusal", "The refusal before"], [1, "↓ Refusal", "The next refusal"]].map(([way, words, title]) => {
    const button = make("button", "", words);
    button.type = "button";
    button.title = title;
    button.addEventListener("click", () => {
      const middle = Math.round((box.scrollTop + box.clientHeight / 2) / ROW - 0.5);
      let line = Math.min(lines.length - 1, Math.max(0, middle + way));
      while (line >= 0 && line < lines.length && !(lines[line] >= 0 && kind[lines[line]] === "d")) line += way;
      if (line < 0 || line >= lines.length) { tells.textContent = way < 0 ? "No refusal before this" : "No refusal after this"; return; }
      box.scrollTop = (line + 0.5) * ROW - box.clientHeight / 2;
      draw();
      rows.get(line)?.link.focus({ preventScroll: true });
    });
    return button;
  });
  const more = make("button", "", "Load more");
  more.type = "button";
  more.hidden = true;
  more.addEventListener("click", () => load(next));

  const renew = () => {
    sift();
    rows.clear();
    list.replaceChildren();
    for (const [which, button] of chooses) button.setAttribute("aria-pressed", String(which === only));
    const calls = lines.reduce((sum, line) => sum + (line >= 0), 0);
    tells.textContent = only || named ? `${calls.toLocaleString("en")} of ${counted(start.length, "call", "calls")}` : counted(calls, "call", "calls");
    size.style.height = lines.length * ROW + "px";
    more.hidden = next === null;
    drawn = "";
    box.scrollTop = Math.min(box.scrollTop, lines.length * ROW);
    draw();
    paint();
  };
  const totals = () => {
    let end = -Infinity, busy = 0, most = 0;
    const ends = [];
    for (let call = 0; call < start.length; call++) {
      const ran = Math.max(0, took[call]);
      busy += Math.max(0, start[call] + ran - Math.max(end, start[call]));
      end = Math.max(end, start[call] + ran);
      if (!ran) continue;
      for (let other = ends.length - 1; other >= 0; other--) if (ends[other] <= start[call]) ends.splice(other, 1);
      ends.push(start[call] + ran);
      most = Math.max(most, ends.length);
    }
    note.textContent = `${said(busy)} of work${most > 1 ? `, ${most} calls at once` : ""}${next ? ", so far" : ""}`;
    const names = [...new Set(tool)].sort();
    select.replaceChildren(new Option("Any tool", ""), ...names.map((name) => new Option(name, name)));
    select.value = named;
  };

  let began = false;
  const load = async (after) => {
    more.disabled = true;
    try {
      const answer = await fetch(section.dataset.session + (after ? "?newer=" + encodeURIComponent(after) : ""));
      if (!answer.ok) throw new Error(String(answer.status));
      add(await answer.json());
    } catch {
      // What the server sent stays; with it one still gets everywhere by pages.
      if (began) tells.textContent = "The rest cannot be read right now";
      return;
    } finally {
      more.disabled = false;
    }
    if (!start.length) return;
    if (!began) {
      began = true;
      tools.append(...chooses.map(([, button]) => button), select, ...steps, more, tells);
      whole.append(tools, strip);
      box.replaceChildren(size, list);
      box.addEventListener("scroll", () => requestAnimationFrame(draw), { passive: true });
      new ResizeObserver(() => { drawn = ""; draw(); paint(); }).observe(box);
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
    }
    totals();
    renew();
    section.dataset.ready = "";
    performance.mark("session-ready");
  };
  load(null);
})();
