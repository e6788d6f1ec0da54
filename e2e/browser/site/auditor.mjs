// Somebody who goes through every refusal: filters, compares, shares, takes away, and checks that nothing was left out.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { assertFits, onPage, visit } from "../support/browser.mjs";

export function auditor(world) {
  const open = (options, use) => onPage(world.browser, options, (page) => use(page, (path) => visit(page, world.site.url(path))));
  const ids = (page) => page.locator("#list ol.calls .call a.tool").evaluateAll((links) => links.map((link) => link.getAttribute("href").split("/").at(-1)));

  /** All ids of a listing, page by page through its own links. */
  async function through(page) {
    const all = [];
    for (;;) {
      all.push(...(await ids(page)));
      const older = page.locator('.pager a[rel="next"], .pager a[rel="prev"]').filter({ hasText: /older/i });
      if ((await older.count()) === 0) return all;
      const here = page.url();
      await older.first().click();
      await page.waitForURL((url) => url.href !== here);
      await assertFits(page);
    }
  }

  /** What the API lists under the same filters. */
  async function listed(query) {
    const all = [];
    for (let cursor = ""; ;) {
      const { traces, next_cursor: next } = await world.site.edge.get(`/v1/traces?limit=500&${query}${cursor}`);
      all.push(...traces.map(({ id }) => id));
      if (!next) return all;
      cursor = `&cursor=${encodeURIComponent(next)}`;
    }
  }

  test("every refusal of a rule is listed, page by page, and none other", () =>
    open({ js: false }, async (page, go) => {
      await go("/refusals");
      const group = page.locator("main .groups a", { hasText: "Recursive delete of the root directory" }).first();
      const count = Number((await group.locator("b").innerText()).replaceAll(",", ""));
      await group.click();
      await page.waitForURL(/rule=fs\.delete\.root/);
      assert.ok((await page.locator(".chosen a").count()) > 0, "the filter can be taken away");
      const all = await through(page);
      assert.equal(new Set(all).size, all.length, "each once");
      assert.equal(all.length, count, "as many as were counted");
      assert.deepEqual(all.toSorted(), (await listed("action_type=deny&rule_id=fs.delete.root")).toSorted());
    }));

  test("filters narrow one another, stand in the address, and can be shared and taken away", () =>
    open({ js: false }, async (page, go) => {
      const { ops } = world.site.agents;
      await go(`/traces?agent=${ops}`);
      await page.locator("#facets a", { hasText: "Refused" }).first().click();
      await page.waitForURL(/verdict=deny/);
      await page.locator("#facets a", { hasText: "harm prevention" }).or(page.locator("#facets a", { hasText: "Harm prevention" })).first().click();
      await page.waitForURL(/value=harm_prevention/);
      const address = page.url();
      const all = await through(page);
      assert.ok(all.length > 0, "something is left");
      assert.deepEqual(all.toSorted(), (await listed(`agent_id=${ops}&action_type=deny&value=harm_prevention`)).toSorted());
      await open({ js: false }, async (other) => {
        await other.goto(address);
        assert.deepEqual(await ids(other), all.slice(0, (await ids(other)).length), "the same to whoever gets the address");
      });
      await page.goto(address);
      await page.locator(".chosen a", { hasText: /value|harm/i }).first().click();
      await page.waitForURL((url) => !url.searchParams.has("value"));
      assert.ok(page.url().includes("verdict=deny"), "only that one is gone");
    }));

  test("free text finds, and says how far it looked", () =>
    open({ js: false }, async (page, go) => {
      await go("/traces");
      await page.locator("main input[name=q]").fill("rounds_half_even");
      await page.keyboard.press("Enter");
      await page.waitForURL(/q=rounds_half_even/);
      const found = await ids(page);
      assert.ok(found.length > 0);
      await page.locator(`#list a[href$="${found[0]}"]`).first().click();
      await page.waitForURL("**/trace/*");
      assert.match(await page.locator("main").innerText(), /rounds_half_even/);
    }));

  test("calls are sorted by time either way, and by how long they took", () =>
    open({ js: false }, async (page, go) => {
      const { coding } = world.site.agents;
      await go(`/traces?agent=${coding}&order=oldest`);
      const oldest = await ids(page);
      const all = await listed(`agent_id=${coding}`);
      assert.deepEqual(oldest, all.toReversed().slice(0, oldest.length));
      await go(`/traces?agent=${coding}&order=longest`);
      assert.match(await page.locator("#list .call .dur").first().innerText(), /min/, "the longest is the whole task");
    }));

  test("a span drawn over the bars becomes the filter", () =>
    open({}, async (page, go) => {
      await go("/traces?since=-30d");
      const over = page.locator(".u-over").first();
      await over.waitFor();
      const box = await over.boundingBox();
      await page.mouse.move(box.x + box.width * 0.7, box.y + box.height / 2);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width * 0.99, box.y + box.height / 2, { steps: 8 });
      await page.mouse.up();
      await page.waitForURL((url) => url.searchParams.has("until"));
      const { searchParams } = new URL(page.url());
      const [since, until] = [searchParams.get("since"), searchParams.get("until")];
      assert.ok(Date.parse(since) < Date.parse(until), `${since} to ${until}`);
      const shown = await ids(page);
      assert.deepEqual(shown, (await listed(`since=${encodeURIComponent(since)}&until=${encodeURIComponent(until)}`)).slice(0, shown.length));
    }));

  test("two spans are compared by rule, value and tool", () =>
    open({ js: false }, async (page, go) => {
      await go("/refusals?since=-2d");
      const table = page.locator(".against table").first();
      assert.match(await table.innerText(), /Before\s+Now\s+Change/);
      for (const line of await table.locator("tbody tr").all()) {
        const [before, now, change] = (await line.locator("td").allInnerTexts()).map((text) => Number(text.replace(/[,+]/g, "").replace("−", "-").replace("±", "")));
        assert.equal(now - before, change, await line.innerText());
      }
    }));

  test("a selection is marked, annotated and shared by its address alone", () =>
    open({ js: false }, async (page, go) => {
      await go("/refusals");
      const marks = page.locator("input[name=mark]");
      await marks.nth(0).check();
      await marks.nth(2).check();
      await page.locator("input[name=note]").fill("Please look at these <b>two</b>");
      await page.getByRole("button", { name: "Make the link" }).click();
      await page.waitForURL(/mark=/);
      const shared = page.locator(".shared");
      assert.match(await shared.innerText(), /2 marked/);
      assert.ok((await shared.innerText()).includes("Please look at these <b>two</b>"), "the note is text");
      assert.equal(await shared.locator(".call").count(), 2);
    }));

  test("what a filter shows is what is exported, in each format", () =>
    open({}, async (page, go) => {
      const { coding } = world.site.agents;
      const wanted = (await listed(`agent_id=${coding}&action_type=deny`)).toSorted();
      await go(`/traces?agent=${coding}&verdict=deny`);
      const take = async (name) => {
        const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name, exact: true }).click()]);
        return readFile(await download.path(), "utf8");
      };
      const ndjson = (await take("NDJSON")).trim().split("\n").map((line) => JSON.parse(line));
      assert.deepEqual(ndjson.map((one) => one.id ?? one.trace_id).toSorted(), wanted);
      const [head, ...rows] = cells(await take("CSV"));
      const column = head.findIndex((name) => /^(trace_)?id$/.test(name));
      assert.deepEqual(rows.map((row) => row[column]).toSorted(), wanted);
      const otlp = await take("OTLP JSON");
      for (const id of wanted) assert.ok(otlp.includes(id) || otlp.includes(id.replaceAll("-", "")), `OTLP holds ${id}`);
      assert.match(otlp, /gen_ai\./);
    }));

  test("no cell of a spreadsheet is a formula, whatever agents say", async () => {
    const { edge, past } = world.site;
    const { agent } = past.agents.find(({ name }) => name === "support");
    const formulas = ["=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1+1", "=HYPERLINK(\"https://evil.example\",\"x\")"];
    const session = "formulas";
    await edge.post(agent.body(formulas.map((text) => agent.link({ at: Date.now(), session, tool: text, verdict: "deny", reason: text, rule: text, values: [text], params: { command: text } }))));
    const csv = await (await fetch(`${edge.url}/v1/export?format=csv&session_id=${session}&agent_id=${agent.id}`)).text();
    const [, ...rows] = cells(csv);
    assert.equal(rows.length, formulas.length, csv);
    for (const cell of rows.flat()) assert.doesNotMatch(cell, /^[=+\-@\t\r]/, csv);
  });

  test("refusals are taken away and proven offline; what is missing or was changed is found", async () => {
    const { smoltbot, agents, local } = world.site;
    const dir = await mkdtemp(join(tmpdir(), "smoltbot-audit-"));
    const take = async (name, ...args) => {
      const file = join(dir, name);
      await smoltbot.run(["export", "--denied", ...args, "-o", file]);
      return [file, await readFile(file, "utf8")];
    };
    try {
      // The agent whose calls a hook told, and the one whose calls were posted.
      for (const [name, agent] of [["local", local], ["coding", agents.coding]]) {
        const [file, text] = await take(`${name}.ndjson`, "--agent", agent);
        const refusals = await listed(`action_type=deny&agent_id=${agent}`);
        assert.ok(refusals.length > 0, name);
        for (const id of refusals) assert.ok(text.includes(id), `${id} is in the archive`);
        const said = await smoltbot.ends(["verify", file]);
        assert.equal(said.code, 0, said.out + said.err);
        assert.match(said.out, /This archive holds/);
        const lies = text.replace("Recursive delete of the root directory", "Careful delete of one directory");
        assert.notEqual(lies, text);
        await writeFile(file, lies);
        const found = await smoltbot.ends(["verify", file]);
        assert.equal(found.code, 1, found.out + found.err);
        assert.match(found.out, /NOT hold/);
      }
      // Of all agents together: one of them has a gap, one has told two stories, and both are told.
      const [all, text] = await take("all.ndjson");
      for (const id of await listed("action_type=deny")) assert.ok(text.includes(id), `${id} is in the archive`);
      const said = await smoltbot.ends(["verify", all]);
      assert.equal(said.code, 1, said.out + said.err);
      for (const wrong of [/gap: missing before link \d+/, /two notes/]) assert.match(said.out, wrong);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
}

/** Rows of a CSV text (RFC 4180). */
function cells(text) {
  const rows = [[]];
  const pattern = /"((?:[^"]|"")*)"|([^,\r\n]*)/y;
  let at = 0;
  while (at < text.length) {
    pattern.lastIndex = at;
    const [whole, quoted, plain] = pattern.exec(text);
    rows.at(-1).push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    at += whole.length;
    if (text[at] === ",") at += 1;
    else {
      at += text[at] === "\r" ? 2 : 1;
      rows.push([]);
    }
  }
  return rows.filter((row) => row.length > 1);
}
