// What machines fetch: badges, cards, pictures, feeds, the map of the site, and the frame that others embed.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { test } from "node:test";
import { onPage } from "../support/browser.mjs";

export function files(world) {
  test("each is there, of its type, and well formed", () =>
    onPage(world.browser, {}, async (page) => {
      for (const [path, type] of Object.entries(world.site.files)) {
        const response = await fetch(world.site.url(path));
        assert.equal(response.status, 200, path);
        const told = response.headers.get("content-type");
        assert.ok(told.startsWith(type), `${path}: ${told}`);
        assert.equal(response.headers.get("x-content-type-options"), "nosniff", path);
        const text = await response.text();
        if (/svg|atom|xml/.test(type)) {
          const broken = await page.evaluate((xml) => new DOMParser().parseFromString(xml, "application/xml").querySelector("parsererror")?.textContent, text);
          assert.equal(broken, undefined, `${path} is well formed: ${broken}`);
        } else if (type.endsWith("json")) {
          assert.ok(JSON.parse(text).items.length > 0, `${path} has items`);
        } else if (type === "image/png") {
          // On a page of the site, whose policy lets its own pictures in.
          await page.goto(world.site.url("/about"));
          const size = await page.evaluate(async (src) => {
            const image = Object.assign(new Image(), { src });
            await image.decode();
            return [image.naturalWidth, image.naturalHeight];
          }, path);
          assert.deepEqual(size, [1200, 630], path);
        }
      }
    }));

  test("a feed leads to its traces", async () => {
    const { site } = world;
    const { items } = await (await fetch(site.url("/feed/refusals.json"))).json();
    const { pathname } = new URL(items[0].url, site.edge.url);
    assert.match(pathname, /^\/trace\//);
    assert.equal((await fetch(site.url(pathname))).status, 200);
    const map = await (await fetch(site.url("/sitemap.xml"))).text();
    assert.ok(map.includes(`/agent/${site.agents.coding}`), map.slice(0, 500));
  });

  test("the frame can be embedded by other sites, and no other page can", async () => {
    const { site } = world;
    const { coding } = site.agents;
    const frames = (path) => `<!doctype html><title>theirs</title><iframe title="x" src="${site.url(path)}"></iframe>`;
    const server = createServer((request, response) => {
      response.setHeader("content-type", "text/html");
      response.end(frames(new URL(request.url, "http://x").searchParams.get("of")));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      await onPage(world.browser, { expected: /frame-ancestors|ERR_BLOCKED_BY_RESPONSE|404/i }, async (page) => {
        const theirs = `http://127.0.0.1:${server.address().port}`;
        await page.goto(`${theirs}/?of=/embed/${coding}`);
        await page.frameLocator("iframe").getByText("Mara's coding agent").first().waitFor();
        await page.goto(`${theirs}/?of=/agent/${coding}`);
        const inner = await page.frames().at(-1).content();
        assert.ok(!inner.includes("Mara"), "the agent's page stays out of frames");
      });
    } finally {
      server.close();
    }
  });
}
