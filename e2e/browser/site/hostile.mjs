// Traces are written by strangers, and addresses are typed by them: every page stays whole, safe and helpful.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { assertFits, onPage, visit } from "../support/browser.mjs";
import { assertSafe, deep, FILTERS, hostileAgent, hostileCalls, IDS, TEXTS } from "../support/hostile.mjs";

const encode = encodeURIComponent;
/** How many questions are asked of the edge at once. */
const AT_ONCE = 6;
/** The Worker renders by the same code: it gets a third of the texts. */
const some = process.env.SMOLTBOT_EDGE_HOST === "workerd" ? (_, index) => index % 3 === 0 : () => true;

export function hostile(world) {
  const attacked = [];
  let agent;

  before(async () => {
    const { edge } = world.site;
    // Each text gets a session of its own, and one agent's card says the worst of them.
    agent = hostileAgent("hostile", TEXTS[0][1]);
    await edge.card(agent);
    for (const [index, [name, text]] of TEXTS.filter(some).entries()) {
      const calls = hostileCalls(text, Date.now() - (TEXTS.length - index) * 1000);
      const links = calls.map((call) => agent.link(call));
      const answer = await edge.post(agent.body(links), { partly: true });
      const refused = (answer.body.results ?? []).filter(({ status }) => status !== "stored");
      // What the wire does not take is refused with a reason; all else is kept.
      for (const { reason } of refused) assert.match(reason, /\w/, `${name} is refused with a reason`);
      if (refused.length === 0) attacked.push([name, text, links]);
    }
    assert.ok(attacked.length > TEXTS.filter(some).length * 0.8, `most texts are taken: ${attacked.map(([name]) => name)}`);
  });

  test("texts in every field are text, on every page", async () => {
    const { site } = world;
    const lists = ["/", "/traces", `/agent/${agent.id}`, `/agent/${agent.id}/traces`, "/refusals", "/traces?order=longest", `/embed/${agent.id}`];
    const own = attacked.flatMap(([, text, links], index) => [
      `/trace/${links[index % 3].header.trace_id}`,
      `/agent/${agent.id}/session/${encode(links[0].document.context.session_id)}`,
      `/traces?q=${encode(text)}&tool=${encode(links[0].header.tool_name)}`,
    ]);
    const left = [...lists, ...own];
    const work = () => onPage(world.browser, { width: 375 }, async (page) => {
      for (let path = left.shift(); path; path = left.shift()) {
        await visit(page, site.url(path));
        await assertSafe(page);
      }
    });
    await Promise.all([work(), work()]);
  });

  test("a text is there to be read", () =>
    onPage(world.browser, { js: false }, async (page) => {
      for (const [name, text, links] of attacked.filter(([name]) => ["script", "image", "template"].includes(name))) {
        await visit(page, world.site.url(`/trace/${links[0].header.trace_id}`));
        const shown = await page.locator("main").innerText();
        assert.ok(shown.includes(text), `${name}: ${shown}`);
      }
    }));

  test("pictures of an agent carry no text that acts", async () => {
    for (const path of [`/badge/${agent.id}.svg`, `/card/${agent.id}.svg`]) {
      const { status, type, text } = await ask(world.site, path);
      assert.equal(status, 200, path);
      assert.match(type, /^image\/svg\+xml/, path);
      assert.doesNotMatch(text, /<script|<foreignObject|\son\w+=|href="?(javascript|data):/i, path);
      await onPage(world.browser, {}, async (page) => {
        await page.goto(world.site.url(path));
        assert.equal(await page.evaluate(() => document.querySelector("parsererror, script")), null, `${path} is well formed`);
      });
    }
  });

  test("deep and large content is shown, whole or cut with a word about it", () =>
    onPage(world.browser, { width: 375 }, async (page) => {
      const { site } = world;
      const calls = [
        { at: Date.now(), params: deep(80, "bottom") },
        { at: Date.now(), params: { list: Array.from({ length: 900 }, (_, index) => [index, { index }]) } },
        { at: Date.now(), params: { ["k".repeat(20_000)]: "v" }, result: "界".repeat(9_000) },
        { at: Date.now(), tool: "W".repeat(256), params: { [`\u202e${"ا".repeat(500)}`]: 1e308, n: -0.1, big: 2 ** 53 } },
      ];
      for (const call of calls) {
        const link = agent.link(call);
        await site.edge.post(agent.body([link]));
        await visit(page, site.url(`/trace/${link.header.trace_id}`));
        await assertSafe(page);
      }
      for (const path of ["/", "/traces", `/agent/${agent.id}`]) await visit(page, site.url(path));
    }));

  test("names of 64 KiB and bottomless JSON are refused by name, and addresses that long, too", async () => {
    const { site } = world;
    const stray = hostileAgent("stray", "x");
    const wrong = { "tool_name": { tool: "N".repeat(65_536) }, "session": { session: "S".repeat(65_536) }, "nested": { params: deep(400, 1) } };
    for (const [what, call] of Object.entries(wrong)) {
      const { status, body } = await site.edge.post(stray.body([stray.link({ at: Date.now(), ...call })]), { partly: true });
      assert.ok(status >= 400 && status < 500, `${what}: ${status}`);
      assert.match(JSON.stringify(body), /at most|too |limit|deep|nest|long|bytes|characters/i, what);
    }
    for (const path of [`/traces?tool=${"t".repeat(65_536)}`, `/search?q=${"q".repeat(65_536)}`, `/agent/${"a".repeat(65_536)}`]) {
      const { status } = await ask(site, path);
      assert.ok(status >= 400 && status < 500, `${path.slice(0, 20)}: ${status}`);
    }
  });

  test("filters with rubbish are answered with a page, or with what is wrong with them", async () => {
    const { site } = world;
    const { coding } = site.agents;
    const paths = ["/traces", "/refusals", `/agent/${coding}`, `/agent/${coding}/traces`, "/", `/agent/${coding}/session/${encode(site.past.parallel)}`];
    const asked = paths.flatMap((path) => FILTERS.map((filter) => `${path}?${filter}`));
    await eachAtOnce(asked, async (path) => assertHelpful(path, await ask(site, path), [200, 400, 404]));
  });

  test("what is not there says so, and where to look", async () => {
    const { site } = world;
    const { coding } = site.agents;
    const pages = (id) => [`/agent/${id}`, `/agent/${coding}/session/${id}`, `/agent/${id}/session/x`, `/trace/${id}`, `/embed/${id}`, `/${id}`];
    await eachAtOnce(IDS.flatMap(pages), async (path) => assertHelpful(path, await ask(site, path), [400, 404]));
    // The list of an agent that nobody knows is an empty list.
    await eachAtOnce(IDS.map((id) => `/agent/${id}/traces`), async (path) => assertHelpful(path, await ask(site, path), [200, 400, 404]));
    const files = (id) => [`/badge/${id}.svg`, `/card/${id}.svg`, `/og/${id}.png`, `/feed/agent/${id}.atom`, `/feed/agent/${id}.json`, `/feed/${id}`];
    await eachAtOnce(IDS.flatMap(files), async (path) => {
      const { status, policy } = await ask(site, path);
      assert.ok([400, 404].includes(status), `${path}: ${status}`);
      assert.match(policy, /default-src 'none'/, path);
    });
    await onPage(world.browser, { width: 375, expected: /status of 40[04]/ }, async (page) => {
      for (const path of ["/nowhere", "/agent/nobody", "/trace/0193b5b0-7c4e-7a3c-9d39-1f2e3d4c5b6a", "/traces?verdict=maybe", `/agent/${coding}/session/%3Cscript%3E`]) {
        const response = await page.goto(site.url(path));
        assert.ok([400, 404].includes(response.status()), path);
        assert.equal(await page.locator("h1").count(), 1, path);
        assert.ok((await page.locator("main a, main form").count()) > 0, `${path} leads on`);
        await assertFits(page);
        await assertSafe(page);
      }
    });
  });

  test("cursors of another query are harmless", async () => {
    const { site } = world;
    const { coding, ops } = site.agents;
    const sources = ["/traces?verdict=deny&since=-30d", `/agent/${ops}/traces`, `/agent/${coding}/traces?order=oldest`, "/refusals?since=-30d"];
    const cursors = [];
    for (const path of sources) {
      const { text } = await ask(site, path);
      for (const [, name, cursor] of text.matchAll(/[?&;](older|newer)=([^"&#]+)/g)) cursors.push(`${name}=${cursor}`);
    }
    assert.ok(cursors.length > 0, "there are cursors to take");
    const others = ["/traces?verdict=allow", "/refusals?rule=no-such-rule", `/agent/${coding}/traces?verdict=error`, "/traces?order=longest", "/traces?order=oldest&q=cargo", `/agent/${ops}?tool=read`];
    const asked = others.flatMap((path) => [...new Set(cursors)].map((cursor) => path + (path.includes("?") ? "&" : "?") + cursor));
    await eachAtOnce(asked, async (path) => assertHelpful(path, await ask(site, path), [200, 400]));
  });
}

/** Asks for `path` without a browser. */
async function ask(site, path) {
  const response = await fetch(site.url(path));
  const { headers } = response;
  return {
    status: response.status, type: headers.get("content-type") ?? "", policy: headers.get("content-security-policy") ?? "",
    text: await response.text(),
  };
}

async function eachAtOnce(all, use) {
  const left = [...all];
  const wrong = [];
  const work = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      await use(next).catch((error) => wrong.push(error.message));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  if (wrong.length) throw new Error(`${wrong.length} of ${all.length}:\n${wrong.slice(0, 30).join("\n")}`);
}

/** A whole page of ours: shown, or one that says what is wrong and leads on. */
function assertHelpful(path, { status, type, policy, text }, statuses) {
  assert.ok(statuses.includes(status), `${path}: ${status}`);
  assert.match(type, /^text\/html/, `${path} is a page`);
  assert.match(policy, /default-src 'none'/, path);
  assert.equal(text.match(/<h1[ >]/g)?.length, 1, `${path} has one heading`);
  assert.match(text, /<\/html>\s*$/, `${path} is whole`);
  assert.doesNotMatch(text, /<script>|<img src=x|\u202e|panicked|SELECT /, path);
  if (status !== 200) assert.match(text, /class="?problem/, `${path} says what is wrong`);
}
