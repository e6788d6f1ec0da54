// Pages that are open show what comes in, and nothing on them moves.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Proxy } from "../support/proxy.mjs";
import { attack } from "../support/events.mjs";
import { assertFits, assertStill, countFromHere, onPage, visit } from "../support/browser.mjs";

/** Opens `path` and waits until it follows the edge. */
async function follow(page, url) {
  await visit(page, url);
  await page.locator("[data-state]", { hasText: /^live/i }).waitFor();
  await page.evaluate(() => (window.sameDocument = true));
  await countFromHere(page);
}

const row = (page, tool) => page.locator(".call", { hasText: tool });

export function live(world) {
  for (const width of [375, 1440]) {
    for (const name of ["home", "agent-quiet", "traces"]) {
      test(`new calls appear on ${name} and nothing moves: ${width}`, () =>
        onPage(world.browser, { width, motion: "no-preference" }, async (page) => {
          const { site } = world;
          await follow(page, site.url(site.pages[name]));
          const tools = ["first", "second", "third"].map((word) => `${word}_on_${name}_${width}`.replace("-", "_"));
          for (const tool of tools) {
            await site.happen({ tool, params: { path: "a" } });
            await row(page, tool).waitFor();
          }
          const reason = `Nobody asked for ${tools[0]}`;
          await site.happen({ tool: "exec", params: { command: "rm -rf /" }, verdict: "deny", rule: "fs.delete.root", reason, values: ["harm_prevention"] });
          await page.locator(".call.deny", { hasText: reason }).waitFor();
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
      for (const tool of ["held_one", "held_two"]) await site.happen({ tool });
      await page.locator("[data-fresh]", { hasText: "2 new" }).waitFor();
      assert.equal(await row(page, "held_").count(), 0);
      await page.locator("[data-pause]").click();
      await row(page, "held_two").waitFor();
      assert.equal(await row(page, "held_").count(), 2, "without a gap");
    }));

  test("what came while the connection was away is there when it is back", () =>
    onPage(world.browser, { motion: "no-preference", expected: /ERR_/ }, async (page) => {
      const { site } = world;
      const way = await Proxy.to(site.edge.url);
      try {
        await follow(page, `${way.url}/`);
        await site.happen({ tool: "before_the_break" });
        await row(page, "before_the_break").waitFor();
        way.cut();
        await page.locator("[data-state]", { hasText: /connecting|offline/i }).waitFor();
        for (const tool of ["during_one", "during_two", "during_three"]) await site.happen({ tool });
        way.mend();
        await row(page, "during_three").waitFor();
        const shown = await page.locator("ol.calls .tool").allInnerTexts();
        assert.deepEqual(shown.slice(0, 4), ["during_three", "during_two", "during_one", "before_the_break"], "without a gap");
        assert.match(way.asked, /last-event-id: \S+/i, "it named the last event that it saw");
        assert.ok(await page.evaluate(() => window.sameDocument === true), "without a reload");
      } finally {
        way.close();
      }
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
      await site.happen({ tool: "waits_to_be_asked_for" });
      const fresh = page.locator("[data-fresh]", { hasText: "1 new" });
      await fresh.waitFor();
      assert.equal(await row(page, "waits_to_be_asked_for").count(), 0);
      await fresh.click();
      await row(page, "waits_to_be_asked_for").waitFor();
      await assertStill(page);
    }));
}
