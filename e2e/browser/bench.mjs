// Measures in a real browser what pages take, against the built binary, and prints one line of JSON for `cargo xtask bench`:
// `[{ "name", "unit", "samples" }]`.
import { Agent } from "./support/aap.mjs";
import { Edge } from "./support/edge.mjs";
import { NO_LIMITS } from "./support/site.mjs";
import { launch, onPage, visit } from "./support/browser.mjs";
import { Smoltbot } from "./support/smoltbot.mjs";

/** Calls that appear on an open page, one after the other. */
const LIVE = 100;
/** Calls of the long session, and how often it is opened. */
const CALLS = 20_000;
const OPENED = 10;

/** Milliseconds of the wall clock, in the page and here, finer than a millisecond. */
const clock = () => performance.timeOrigin + performance.now();

const [smoltbot, browser] = await Promise.all([Smoltbot.up({ env: NO_LIMITS }), launch()]);
try {
  const edge = new Edge(smoltbot.edge);
  const agent = new Agent(`bench ${Date.now()}`);
  await edge.card(agent);
  const live = await liveRows(edge, agent);
  const { first, whole, reached } = await longSession(edge, agent);
  console.log(JSON.stringify([
    { name: "live row painted, after the edge's answer", unit: "ms", samples: live },
    { name: `session of ${CALLS} calls: first paint`, unit: "ms", samples: first },
    { name: `session of ${CALLS} calls: all of it there`, unit: "ms", samples: whole },
    { name: `session of ${CALLS} calls: jumped to a refusal`, unit: "ms", samples: reached },
  ]));
} finally {
  await browser.close();
  await smoltbot.stop();
}

/** How long after the answer to its POST a call is painted on an open home page; below zero when it was earlier. */
async function liveRows(edge, agent) {
  const samples = [];
  await onPage(browser, { motion: "no-preference" }, async (page) => {
    await visit(page, `${edge.url}/`);
    await page.locator("[data-state]", { hasText: /^live/i }).waitFor();
    await page.evaluate(() => {
      window.painted = new Map();
      const note = () => {
        for (const link of document.querySelectorAll("ol.calls .tool")) {
          const name = link.textContent;
          if (window.painted.has(name)) continue;
          window.painted.set(name, null);
          // The frame after the one that it was put in has shown it.
          requestAnimationFrame(() => requestAnimationFrame(() => window.painted.set(name, performance.timeOrigin + performance.now())));
        }
      };
      new MutationObserver(note).observe(document.querySelector("ol.calls"), { childList: true });
    });
    for (let number = 0; number < LIVE; number += 1) {
      const tool = `live_${number}`;
      await edge.post(agent.body([agent.link({ at: Date.now(), tool, session: "live" })]));
      const answered = clock();
      const painted = await page.waitForFunction((name) => window.painted.get(name) ?? false, tool, { polling: "raf" });
      samples.push((await painted.jsonValue()) - answered);
    }
  });
  return samples;
}

/** How long the page of a session with `CALLS` calls takes, from the click that opens it. */
async function longSession(edge, agent) {
  const session = "twenty thousand";
  const began = Date.now() - CALLS * 1000;
  await edge.calls(agent, Array.from({ length: CALLS }, (_, number) => {
    const refused = number % 400 === 399;
    return {
      at: began + number * 1000 + (number % 7) * 13, session, tool: ["exec", "read", "edit", "web_fetch"][number % 4], ms: 5 + ((number * 37) % 2900),
      ...(refused ? { verdict: "deny", rule: "fs.delete.root", reason: "Recursive delete of the root directory", values: ["harm_prevention"] } : {}),
    };
  }));
  const [first, whole, reached] = [[], [], []];
  for (let round = 0; round < OPENED; round += 1) {
    await onPage(browser, {}, async (page) => {
      await page.goto(`${edge.url}/agent/${agent.id}/session/${encodeURIComponent(session)}`, { waitUntil: "commit" });
      await page.locator("[data-session][data-ready]").waitFor();
      const { shown, ready, calls } = await page.evaluate(() => ({
        shown: performance.getEntriesByName("first-contentful-paint")[0].startTime,
        ready: performance.getEntriesByName("session-ready")[0].startTime,
        calls: document.querySelector(".whole-tools output").textContent,
      }));
      if (!calls.startsWith(CALLS.toLocaleString("en"))) throw new Error(`the page has ${calls}`);
      first.push(shown);
      whole.push(ready);
      const before = await page.evaluate(() => performance.now());
      await page.getByRole("button", { name: "↓ Refusal" }).click();
      await page.waitForFunction(() => document.activeElement?.closest("li.deny"), undefined, { polling: "raf" });
      reached.push((await page.evaluate(() => performance.now())) - before);
    });
  }
  return { first, whole, reached };
}
