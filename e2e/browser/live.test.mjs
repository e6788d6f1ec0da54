// A page that is open shows new calls by itself.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { attack, call, morning } from "./support/events.mjs";
import { assertFits, launch, onPage, visit } from "./support/browser.mjs";
import { Smoltbot } from "./support/smoltbot.mjs";

let smoltbot, browser;

before(async () => {
  [smoltbot, browser] = await Promise.all([Smoltbot.up(), launch()]);
});

after(async () => {
  await browser?.close();
  await smoltbot?.stop();
});

/** Opens `path` and waits until it follows the edge. */
async function follow(page, path) {
  await visit(page, smoltbot.edge + path);
  await page.locator("[data-state]", { hasText: /^live/i }).waitFor();
  await page.evaluate(() => (window.sameDocument = true));
}

const sameDocument = (page) => page.evaluate(() => window.sameDocument === true);

test("the first call of all appears on an empty home page, then a refusal", () =>
  onPage(browser, { motion: "no-preference" }, async (page) => {
    await follow(page, "/");
    assert.equal(await page.locator("ol.calls .call").count(), 0);
    await smoltbot.hook("openclaw", call({ tool: "very_first_tool", params: { path: "a" }, result: "done" }));
    await page.locator(".call", { hasText: "very_first_tool" }).waitFor();
    await smoltbot.hook("openclaw", call({ tool: "exec", params: { command: "rm -rf /" } }));
    const refusal = page.locator(".call.deny", { hasText: "Recursive delete of the root directory" }).first();
    await refusal.waitFor();
    assert.ok(await sameDocument(page), "without a reload");
    // The newest is on top, and leads to its trace.
    assert.equal(await page.locator("ol.calls .call.deny").first().innerText(), await refusal.innerText());
    await refusal.locator("a.tool").click();
    await page.waitForURL("**/trace/*");
  }));

test("hostile calls that come in live are text, and the page keeps its width", () =>
  onPage(browser, { width: 375, motion: "no-preference" }, async (page) => {
    await follow(page, "/");
    const events = attack();
    await smoltbot.hook("openclaw", events);
    await smoltbot.hook("openclaw", call({ tool: "after_the_attack", params: {}, result: "done" }));
    await page.locator(".call", { hasText: "after_the_attack" }).waitFor();
    assert.ok(await sameDocument(page), "without a reload");
    assert.equal(await page.locator(".call img, .call script").count(), 0);
    await assertFits(page);
  }));

test("an agent's page follows that agent", () =>
  onPage(browser, { motion: "no-preference" }, async (page) => {
    await smoltbot.hook("openclaw", morning());
    const [{ agent_id }] = await smoltbot.traces((all) => all.length > 0);
    await follow(page, `/agent/${agent_id}`);
    await smoltbot.hook("openclaw", call({ tool: "seen_on_its_page", params: {}, result: "done" }));
    await page.locator(".call", { hasText: "seen_on_its_page" }).waitFor();
    assert.ok(await sameDocument(page), "without a reload");
  }));

test("whoever wants less motion is told of new calls, and asks for them", () =>
  onPage(browser, { motion: "reduce" }, async (page) => {
    await follow(page, "/");
    await smoltbot.hook("openclaw", call({ tool: "waits_to_be_asked_for", params: {}, result: "done" }));
    const fresh = page.locator("[data-fresh]", { hasText: "1 new" });
    await fresh.waitFor();
    assert.equal(await page.locator(".call", { hasText: "waits_to_be_asked_for" }).count(), 0);
    await fresh.click();
    await page.locator(".call", { hasText: "waits_to_be_asked_for" }).waitFor();
  }));
