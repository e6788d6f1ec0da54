// Pages that are open show what comes in, and nothing on them moves.
import assert from "node:assert/strict";
import { test } from "node:test";
import { attack } from "../support/events.mjs";
import { assertFits, assertStill, onPage, visit } from "../support/browser.mjs";

/** Opens `path` and waits until it follows the edge. */
async function follow(page, url) {
  await visit(page, url);
  await page.locator("[data-state]", { hasText: /^live/i }).waitFor();
  await page.evaluate(() => (window.sameDocument = true));
}

const row = (page, tool) => page.locator(".call", { hasText: tool });

export function live(world) {
  for (const width of [375, 1440]) {
    for (const name of ["home", "agent-local", "traces"]) {
      test(`new calls appear on ${name} and nothing moves: ${width}`, () =>
        onPage(world.browser, { width, motion: "no-preference" }, async (page) => {
          const { site } = world;
          await follow(page, site.url(site.pages[name]));
          const tools = ["first", "second", "third"].map((word) => `${word}_on_${name}_${width}`.replace("-", "_"));
          for (const tool of tools) {
            await site.hook({ tool, params: { path: "a" }, result: "done" });
            await row(page, tool).waitFor();
          }
          await site.hook({ tool: "exec", params: { command: "rm -rf /" } });
          await page.locator(".call.deny", { hasText: "Recursive delete of the root directory" }).first().waitFor();
          await assertStill(page);
          await assertFits(page);
          assert.ok(await page.evaluate(() => window.sameDocument === true), "without a reload");
          // The newest is on top, each is there once, and leads to its trace.
          const shown = await page.locator("ol.calls .call .tool").allInnerTexts();
          const places = tools.map((tool) => shown.filter((text) => text.includes(tool)).length);
          assert.deepEqual(places, [1, 1, 1], shown.join(" "));
          assert.ok(shown.findIndex((text) => text.includes(tools[2])) < shown.findIndex((text) => text.includes(tools[0])), shown.join(" "));
          await row(page, tools[1]).locator("a.tool").click();
          await page.waitForURL("**/trace/*");
        }));
    }
  }

  test("a pause holds what comes in back, counts it, and shows all of it afterwards", () =>
    onPage(world.browser, { motion: "no-preference" }, async (page) => {
      const { site } = world;
      await follow(page, site.url("/"));
      await page.locator("[data-pause]").click();
      await page.locator("[data-state]", { hasText: /paused/i }).waitFor();
      for (const tool of ["held_one", "held_two"]) await site.hook({ tool, params: {}, result: "done" });
      await page.locator("[data-fresh]", { hasText: "2 new" }).waitFor();
      assert.equal(await row(page, "held_").count(), 0);
      await page.locator("[data-pause]").click();
      await row(page, "held_two").waitFor();
      assert.equal(await row(page, "held_").count(), 2, "without a gap");
    }));

  test("what came while the connection was away is there when it is back", () =>
    onPage(world.browser, { motion: "no-preference", expected: /ERR_|Failed to load|EventSource/ }, async (page) => {
      const { site } = world;
      // The first connection carries one event and ends, as when a laptop sleeps; the browser comes back by itself.
      let connections = 0;
      const resumed = [];
      await page.route("**/v1/live*", async (route) => {
        connections += 1;
        if (connections > 1) {
          resumed.push((await route.request().allHeaders())["last-event-id"]);
          return route.continue();
        }
        const [newest] = await site.edge.traces();
        const position = await firstPosition(site);
        const data = JSON.stringify({ ...newest, tool_name: "before_the_break" });
        await route.fulfill({ contentType: "text/event-stream", body: `retry: 1500\nevent: trace\nid: ${position}\ndata: ${data}\n\n` });
      });
      await visit(page, site.url("/"));
      for (const tool of ["during_one", "during_two", "during_three"]) await site.hook({ tool, params: {}, result: "done" });
      await row(page, "during_three").waitFor();
      assert.equal(await row(page, "during_").count(), 3, "without a gap");
      assert.ok(resumed[0], "it names the last event that it saw");
    }));

  test("hostile calls that come in live are text, and the page keeps its width", () =>
    onPage(world.browser, { width: 375, motion: "no-preference" }, async (page) => {
      const { site } = world;
      await follow(page, site.url("/"));
      await site.smoltbot.hook("openclaw", attack());
      await site.hook({ tool: "after_the_attack", params: {}, result: "done" });
      await row(page, "after_the_attack").waitFor();
      assert.equal(await page.locator(".call img, .call script").count(), 0);
      await assertFits(page);
      await assertStill(page);
    }));

  test("whoever wants less motion is told of new calls, and asks for them", () =>
    onPage(world.browser, { motion: "reduce" }, async (page) => {
      const { site } = world;
      await follow(page, site.url("/"));
      await site.hook({ tool: "waits_to_be_asked_for", params: {}, result: "done" });
      const fresh = page.locator("[data-fresh]", { hasText: "1 new" });
      await fresh.waitFor();
      assert.equal(await row(page, "waits_to_be_asked_for").count(), 0);
      await fresh.click();
      await row(page, "waits_to_be_asked_for").waitFor();
      await assertStill(page);
    }));
}

/** The position of an event that the edge tells now: read from the stream itself. */
async function firstPosition(site) {
  const stop = new AbortController();
  const response = await fetch(site.url("/v1/live"), { signal: stop.signal, headers: { accept: "text/event-stream" } });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  await site.hook({ tool: "marks_the_place", params: {}, result: "done" });
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    assert.ok(!done, `the stream ended after ${text}`);
    text += value;
    const id = /^id: ?(\S+)$/m.exec(text)?.[1];
    if (id) {
      stop.abort();
      return id;
    }
  }
}
