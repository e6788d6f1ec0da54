// What strangers send and ask for: the corpus, traces that carry it in every field, and what no page may do with it.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { Agent } from "./aap.mjs";

const corpus = JSON.parse(await readFile(new URL("../../../dashboard/tests/site/hostile.json", import.meta.url), "utf8"));

const expand = (text) => (typeof text === "string" ? text : text.repeat.repeat(text.times));

/** Name and text of each. */
export const TEXTS = Object.entries(corpus.texts).map(([name, text]) => [name, expand(text)]);
/** Queries of addresses that mean nothing, or nothing good. */
export const FILTERS = corpus.filters;
/** What is asked for where an id belongs. */
export const IDS = corpus.ids;

/** Longest names that the wire takes, in characters. */
const MOST_NAME = 256;
const short = (text) => Array.from(text).slice(0, MOST_NAME).join("");

/** An agent whose card says `text` wherever a card says something. */
export function hostileAgent(seed, text) {
  const agent = new Agent(seed, {
    values: ["transparency", text], tools: ["exec", text], forbidden: [text], runtime: text,
    triggers: [{ condition: text, action: "deny", reason: text }], principal: { type: "human", identifier: text, escalation_contact: text },
  });
  return agent;
}

/** A refusal, an error and an allowed call that say `text` in every field. */
export function hostileCalls(text, at) {
  const all = {
    tool: short(text), params: { command: text, [text]: { [text]: [text, [text]] }, url: text }, reason: text, rule: text, values: [text, "harm_prevention"],
    advice: text, effects: [text], session: short(text), run: short(text), callId: short(text), runtime: short(text), extra: { note: text },
  };
  return [
    { ...all, at, verdict: "deny" },
    { ...all, at: at + 1, verdict: "error", error: text, result: { [text]: text } },
    { ...all, at: at + 2, verdict: "allow", result: text },
  ];
}

/** An object nested so deep, with a text at its end. */
export const deep = (levels, end) => Array.from({ length: levels }).reduce((inner) => ({ a: inner }), end);

/** Characters that hide, or that change where their neighbours stand. */
const DECEIVES = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/u;

/** The page is ours: nothing on it was made by a text, leads where a text says, or looks other than it is. */
export async function assertSafe(page) {
  const found = await page.evaluate((deceives) => {
    const own = (address) => {
      try {
        return new URL(address, location.href).origin === location.origin;
      } catch {
        return false;
      }
    };
    const all = [...document.querySelectorAll("*")];
    const attributes = (names) => all.flatMap((one) => names.filter((name) => one.hasAttribute(name)).map((name) => [name, one.getAttribute(name)]));
    return {
      scripts: [...document.scripts].filter((one) => !one.src || !own(one.src)).length,
      handlers: all.filter((one) => one.getAttributeNames().some((name) => name.startsWith("on") || name === "style" || name === "srcdoc")).map((one) => one.outerHTML.slice(0, 200)),
      foreign: attributes(["href", "src", "action", "formaction", "xlink:href", "poster", "data"]).filter(([, address]) => !own(address)),
      elements: document.querySelectorAll("base, iframe, object, embed, meta[http-equiv], img[src='x'], style").length,
      deceiving: new RegExp(deceives, "u").exec(document.documentElement.innerText)?.[0].codePointAt(0).toString(16) ?? null,
      title: new RegExp(deceives, "u").test(document.title),
    };
  }, DECEIVES.source);
  // uPlot sizes its own boxes by style attributes, which scripts may set under any content policy.
  found.handlers = found.handlers.filter((html) => !/^<(div|canvas)[^>]*class="?u-|^<canvas|^<div class="uplot/.test(html) && !/^<ol class="calls/.test(html));
  assert.deepEqual(found, { scripts: 0, handlers: [], foreign: [], elements: 0, deceiving: null, title: false }, page.url().slice(0, 200));
}
