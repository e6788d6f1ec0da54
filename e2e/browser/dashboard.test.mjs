// Every page of the dashboard, with and without JavaScript, light and dark, on a phone and on a desktop.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { attack, HOSTILE, morning } from "./support/events.mjs";
import { launch, onPage, picture, visit } from "./support/browser.mjs";
import { Smoltbot } from "./support/smoltbot.mjs";

let smoltbot, browser, pages, attacked;

before(async () => {
  [smoltbot, browser] = await Promise.all([Smoltbot.up(), launch()]);
  const [quiet, hostile] = [morning(), attack()];
  await smoltbot.hook("openclaw", [...hostile, ...quiet]);
  const expected = (quiet.length + hostile.length) / 2;
  const traces = await smoltbot.traces((all) => all.length >= expected);
  assert.equal(traces.length, expected, "one trace for each call");
  const of = (want) => traces.find(want) ?? assert.fail(`no such trace: ${want}`);
  const url = (path) => smoltbot.edge + path;
  const trace = ({ id }) => url(`/trace/${id}`);
  const allowed = of((t) => t.action_type === "allow" && t.tool_name === "read");
  const agent = `/agent/${allowed.agent_id}`;
  pages = {
    home: url("/"),
    agent: url(agent),
    session: url(`${agent}/session/${encodeURIComponent(allowed.metadata.session_id)}`),
    "trace-allowed": trace(allowed),
    "trace-refused": trace(of((t) => t.action_type === "deny")),
    "trace-failed": trace(of((t) => t.action_type === "error" && t.tool_name === "read")),
    refusals: url("/refusals"),
  };
  const hit = (t) => t.metadata.session_id !== allowed.metadata.session_id;
  const session = encodeURIComponent(of(hit).metadata.session_id);
  attacked = [
    pages.home,
    pages.agent,
    pages.refusals,
    url(`${agent}/session/${session}`),
    ...traces.filter(hit).map(trace),
  ];
});

after(async () => {
  await browser?.close();
  await smoltbot?.stop();
});

for (const js of [true, false]) {
  for (const scheme of ["light", "dark"]) {
    for (const width of [375, 1440]) {
      const how = `${width}-${scheme}${js ? "" : "-nojs"}`;
      test(`every page looks right: ${how}`, () =>
        onPage(browser, { js, scheme, width }, async (page) => {
          for (const [name, url] of Object.entries(pages)) {
            await visit(page, url);
            await picture(page, `${name}-${how}`);
          }
        }));
    }
  }
}

describe("what a viewer reads", () => {
  const told = (name, ...texts) =>
    test(`${name} tells ${texts.join(", ")}`, () =>
      onPage(browser, { js: false }, async (page) => {
        await visit(page, pages[name]);
        const text = await page.locator("main").innerText();
        for (const one of texts) assert.ok(text.includes(one), `${one} is in:\n${text}`);
      }));
  told("home", "exec", "rm -rf /", "git reset --hard HEAD~3");
  told("agent", "exec", "read", "web_fetch");
  told("session", "cargo test --quiet", "git status --short");
  told("trace-allowed", "read", "README.md");
  told("trace-refused", "Refused");
  told("trace-failed", "ENOENT");
  told("refusals", "rm -rf /", "Recursive delete of the root directory", "Harm prevention");

  test("one gets from home to a refusal, its agent and its session by links alone", () =>
    onPage(browser, { js: false }, async (page) => {
      await visit(page, pages.home);
      await page.locator(".told a").first().click();
      await page.waitForURL("**/trace/*");
      await page.locator(`a[href^="/agent/"]`).first().click();
      await page.waitForURL("**/agent/*");
      await page.locator(`a[href*="/session/"]`).first().click();
      await page.waitForURL("**/session/*");
    }));
});

describe("hostile texts", () => {
  test("show as text on every page and run on none", () =>
    onPage(browser, { width: 375 }, async (page) => {
      for (const url of attacked) {
        await visit(page, url);
        const foreign = await page.evaluate(() => ({
          scripts: [...document.scripts].filter((script) => !script.src).length,
          images: document.querySelectorAll("img[src='x'], [onerror]").length,
          links: document.querySelectorAll("a[href^='javascript:' i]").length,
        }));
        assert.deepEqual(foreign, { scripts: 0, images: 0, links: 0 }, url);
      }
    }));

  test("are there to be read", () =>
    onPage(browser, { js: false }, async (page) => {
      await visit(page, pages.refusals);
      const text = await page.locator("main").innerText();
      assert.ok(text.includes(HOSTILE.script) || text.includes(HOSTILE.image), text);
    }));
});

test("what is not there says so", () =>
  onPage(browser, { js: false, expected: /status of 40[04]/ }, async (page) => {
    for (const path of ["/nowhere", "/trace/00000000-0000-7000-8000-000000000000", "/agent/nobody"]) {
      const response = await page.goto(smoltbot.edge + path);
      assert.ok([400, 404].includes(response.status()), `${path}: ${response.status()}`);
      assert.equal(await page.locator("h1").count(), 1, path);
    }
  }));
