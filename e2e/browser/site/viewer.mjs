// Somebody who wants to know what an agent is up to, and whether to trust it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { onPage, visit } from "../support/browser.mjs";
import { TOKEN } from "../support/events.mjs";

/** Bytes that an agent's page may take on its way, all of it but the chart's script: 60 KB. */
const MOST_BYTES = 60_000;
/** Scripts that draw charts; without them the page shows the server's drawing and the table. */
const CHART = /\/assets\/(uplot|chart)\.[^/]*\.js$/;

/** In front of a Worker, Cloudflare packs what goes out; workerd by itself does not. */
const packed = process.env.SMOLTBOT_EDGE_HOST !== "workerd";

/** Bytes of `url` as they go over the wire when they are packed, headers and all. */
async function onTheWay(url) {
  const response = await fetch(url);
  const headers = [...response.headers].reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0);
  return headers + gzipSync(Buffer.from(await response.arrayBuffer())).length;
}

export function viewer(world) {
  const main = (page) => page.locator("main").innerText();
  const open = (options, use) => onPage(world.browser, options, async (page) => {
    const go = (name) => visit(page, world.site.url(world.site.pages[name] ?? name));
    await use(page, go);
  });

  test("from home one gets to a refusal, its agent, its session and back by links alone", () =>
    open({ js: false }, async (page, go) => {
      await go("home");
      await page.locator(".told .why a, .told a").first().click();
      await page.waitForURL("**/trace/*");
      assert.match(await main(page), /Refused/);
      await page.locator('main a[href^="/agent/"]').first().click();
      await page.waitForURL("**/agent/*");
      await page.locator('a[href*="/session/"]').first().click();
      await page.waitForURL("**/session/*");
      await page.locator('main a[href^="/trace/"]').first().click();
      await page.waitForURL("**/trace/*");
      await page.locator("a.brand").click();
      await page.waitForURL((url) => url.pathname === "/");
    }));

  test("the first screen of an agent says who, what, how much, and whether to trust it", () =>
    open({ js: false }, async (page, go) => {
      await go("agent-gap");
      const seen = await page.evaluate(() =>
        [...document.querySelectorAll("main :is(h1, h2, p, dt, dd, span, li)")].filter((one) => one.getBoundingClientRect().top < innerHeight).map((one) => one.innerText).join("\n"));
      for (const said of [/harbour-ops/, /Signed/, /missing/i, /tool calls/, /refused/i, /Calls/, /Integrity/i]) assert.match(seen, said);
    }));

  test("each agent's trouble is told in words: a gap, a fork, no signature", () =>
    open({ js: false }, async (page, go) => {
      await go("agent-gap");
      assert.match(await main(page), /7 calls are missing/);
      assert.match(await main(page), /12 calls were lost before being recorded/);
      assert.match(await main(page), /9 calls and 3 refusals lost between .* UTC and .* UTC, because the disk was full/);
      await page.getByRole("link", { name: "Signed record" }).click();
      await page.waitForURL(`**${world.site.parts.loss}`);
      assert.match(await main(page), /Loss\s+smoltbot\.gap/);
      await go("agent-fork");
      assert.match(await page.locator(".banner").first().innerText(), /two|twice|different|contradict|story|stories/i);
      await go("agent-unsigned");
      assert.match(await main(page), /unsigned|does not sign/i);
      await go("agent-quiet");
      assert.equal(await page.locator(".banner").count(), 0, "an agent without trouble has no banner");
    }));

  test("an agent's page tells tools with their times, refusals with their rules, and its card in words", () =>
    open({ js: false }, async (page, go) => {
      await go("agent");
      const text = await main(page);
      for (const said of ["Mara's coding agent", "p50", "p95", "p99", "exec", "web_fetch", "fs.delete.root", "send_payment", "Harm prevention"]) {
        assert.ok(text.includes(said), `${said} is in:\n${text}`);
      }
    }));

  test("what a call is part of is told in words, and leads to the call that made it", () =>
    open({ js: false }, async (page, go) => {
      await go("trace-within");
      const text = await main(page);
      for (const said of ["made from within another call", "came later than the agent is made to wait", "explorer", "4bf92f3577b34da6a3ce929d0e0e4736"]) {
        assert.ok(text.includes(said), `${said} is in:\n${text}`);
      }
      await page.getByRole("link", { name: "call_outer" }).click();
      await page.waitForURL(`**${world.site.parts.outer}`);
    }));

  test("a refusal is told in sentences, with its reason, rule, values and what to do instead", () =>
    open({ js: false }, async (page, go) => {
      await go("trace-refused");
      const text = await main(page);
      for (const said of ["Refused exec", "Recursive delete of the root directory", "harm prevention", "fs.delete.root", "Instead:", "rm -rf /", "Signed"]) {
        assert.ok(text.includes(said), `${said} is in:\n${text}`);
      }
      const here = page.url();
      await page.locator('a[rel="prev"]').first().click();
      await page.waitForURL((url) => url.href !== here);
      await page.locator('a[rel="next"]').first().click();
      await page.waitForURL(here);
    }));

  test("by whose leave a call ran is told: a person's answer, the operator's exception", () =>
    open({ js: false }, async (page, go) => {
      const [approved, denied, unanswered, excepted] = world.site.byLeave;
      for (const [path, ...said] of [
        [approved, "Approved by a person", "A person was asked and approved this call", "this call only", "git.push"],
        [denied, "Denied by a person", "A person was asked and said no"],
        [unanswered, "Not approved", "no yes was seen"],
        [excepted, "The operator’s exception coding.preview-branch lifted what its conscience objected to"],
      ]) {
        await page.goto(world.site.url(path));
        const text = await main(page);
        for (const words of said) assert.ok(text.includes(words), `${words} is in:\n${text}`);
      }
      await go("agent");
      assert.match(await main(page), /Kept its values .* they were at stake/);
    }));

  test("each call leads to the version of the card that judged it, and each version says what it changed", () =>
    open({ js: false }, async (page, go) => {
      const { coding } = world.site.agents;
      const [newest, oldest] = [world.site.cards[0], world.site.cards.at(-1)];
      assert.notEqual(newest, oldest);
      await go(`/traces?agent=${coding}&order=oldest`);
      await page.locator("#list .call a.tool").first().click();
      await page.getByRole("link", { name: "That card" }).click();
      await page.waitForURL(`**${oldest}`);
      assert.match(await main(page), /Superseded: in force from .* until/);
      await go("agent");
      await page.getByRole("link", { name: "2 versions of this card" }).click();
      await page.waitForURL(`**${newest}`);
      const text = await main(page);
      for (const said of ["In force since", "delete_repository", "deploys_to_production", "It changed"].map((words) => new RegExp(words, "i"))) assert.match(text, said);
      await page.locator(`main a[href="${oldest}"]`).first().click();
      await page.waitForURL(`**${oldest}`);
      const [json] = await Promise.all([page.waitForResponse("**/cards/*"), page.getByRole("link", { name: "as JSON" }).click()]);
      assert.equal((await json.json()).alignment_card.card_id, oldest.split("/").at(-1));
    }));

  test("what was masked is marked and explained, and is nowhere in clear", () =>
    open({ js: false }, async (page, go) => {
      await go("trace-masked");
      assert.ok((await page.locator("mark").count()) > 0, "the mask is marked");
      assert.match(await main(page), /masked/i);
      for (const name of Object.keys(world.site.pages)) {
        const html = await (await fetch(world.site.url(world.site.pages[name]))).text();
        assert.ok(!html.includes(TOKEN), `${name} shows a secret`);
      }
      await go("about");
      assert.match(await main(page), /mask|redact/i);
    }));

  test("an agent is found by name, by its id and by a trace's id", () =>
    open({ js: false }, async (page, go) => {
      const { agents, pages } = world.site;
      const find = async (text) => {
        await go("about");
        await page.locator(".top input[name=q]").fill(text);
        await page.keyboard.press("Enter");
        await page.waitForURL((url) => url.pathname !== "/about");
      };
      await find("harbour");
      if (new URL(page.url()).pathname === "/search") await page.locator(`main a[href="/agent/${agents.ops}"]`).first().click();
      await page.waitForURL(`**/agent/${agents.ops}`);
      await find(agents.coding);
      await page.waitForURL(`**/agent/${agents.coding}`);
      await find(pages["trace-refused"].split("/").at(-1));
      await page.waitForURL(`**${pages["trace-refused"]}`);
    }));

  test("a session shows its calls in time, beside and within each other, and its totals", () =>
    open({}, async (page, go) => {
      await go("session-parallel");
      const text = await main(page);
      assert.match(text, /41/, "all calls are counted");
      assert.match(text, /Task/);
      assert.ok((await page.locator("main .deny").count()) > 0, "its refusals stand out");
      await page.locator('main a[href^="/trace/"]').first().click();
      await page.waitForURL("**/trace/*");
    }));

  test("each chart has its numbers in a table", () =>
    open({ js: false, width: 375 }, async (page, go) => {
      for (const name of ["home", "agent", "traces", "refusals"]) {
        await go(name);
        assert.ok((await page.locator("figure[data-chart]").count()) > 0, `${name} has a chart`);
        await page.locator("figure[data-chart] summary").first().click();
        assert.ok(await page.locator("figure[data-chart] table tbody tr").first().isVisible(), `${name}'s chart has a table`);
      }
    }));

  test("an agent's page is small, and paints before any script has come", () =>
    open({}, async (page) => {
      const devtools = await page.context().newCDPSession(page);
      await devtools.send("Network.enable");
      const [urls, sizes] = [new Map(), new Map()];
      devtools.on("Network.responseReceived", ({ requestId, response }) => urls.set(requestId, response.url));
      devtools.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => sizes.set(requestId, encodedDataLength));
      const waiting = [];
      await page.route("**/*.js", (route) => waiting.push(route));
      await page.goto(world.site.url(world.site.pages.agent), { waitUntil: "commit" });
      await page.locator(".tiles dd").first().waitFor();
      const painted = await page.evaluate(() => new Promise((done) => new PerformanceObserver((list) => done(list.getEntries().length)).observe({ type: "paint", buffered: true })));
      assert.ok(painted > 0, "it has painted");
      assert.ok(waiting.length > 0, "and scripts are still to come");
      await Promise.all(waiting.map((route) => route.continue()));
      await page.unroute("**/*.js");
      await page.waitForLoadState("load");
      const all = [...sizes].filter(([id]) => urls.get(id)?.startsWith(world.site.edge.url) && !CHART.test(urls.get(id)));
      const told = all.map(([id, size]) => `${size} ${urls.get(id)}`).join("\n");
      const taken = await Promise.all(all.map(([id, size]) => (packed ? size : onTheWay(urls.get(id)))));
      const bytes = taken.reduce((sum, size) => sum + size, 0);
      assert.ok(all.length >= 3, told);
      assert.ok(bytes <= MOST_BYTES, `${bytes} bytes:\n${told}`);
    }));
}
