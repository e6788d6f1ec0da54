// The control: a page on which something goes wrong fails its test. Otherwise the other files would prove nothing.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertFits, launch, onPage } from "./support/browser.mjs";

let browser;

before(async () => {
  browser = await launch();
});

after(() => browser?.close());

const show = (html, options) =>
  onPage(browser, options, async (page) => {
    await page.goto(`data:text/html,${encodeURIComponent(html)}`);
    await assertFits(page);
  });

test("a page with nothing wrong passes", () => show("<h1>fine</h1>"));

const policy = `<meta http-equiv="Content-Security-Policy" content="script-src 'none'">`;
for (const [what, html, said] of [
  ["a script that calls alert", "<script>alert('x')</script>", /a script ran/],
  ["an uncaught error", "<script>throw new Error('oh')</script>", /uncaught: Error: oh/],
  ["an error on the console", "<script>console.error('oh')</script>", /console: oh/],
  ["a breach of the content policy", `${policy}<script>1</script>`, /Content Security Policy/],
  ["a page wider than its window", "<div style='width: 900px'>wide</div>", /wide in a window/],
]) {
  test(`${what} is noticed`, () => assert.rejects(show(html, { width: 375 }), said));
}
