// The control: a page on which something goes wrong fails its test. Otherwise the other files would prove nothing.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertAccessible, assertFits, assertStill, launch, onPage, walkByKeyboard } from "./support/browser.mjs";
import { assertSafe } from "./support/hostile.mjs";

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

const judged = (html, judge) =>
  onPage(browser, {}, async (page) => {
    const body = `<!doctype html><html lang="en"><title>t</title><link rel="icon" href="data:,"><main><h1>h</h1>${html}</main></html>`;
    await page.route("http://control.example/", (route) => route.fulfill({ contentType: "text/html; charset=utf-8", body }));
    await page.goto("http://control.example/");
    await judge(page);
  });
/** A box that is pushed down without anybody's doing, some frames after it was painted. */
const pushed = async (page) => {
  await page.evaluate(async () => {
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    for (let count = 0; count < 5; count += 1) await frame();
    document.querySelector("h1").insertAdjacentHTML("beforebegin", "<p style='height: 200px'>news</p>");
    for (let count = 0; count < 5; count += 1) await frame();
  });
  await assertStill(page);
};
test("a page that breaks no rule is accessible, still, and can be walked through", () =>
  judged("<a href='#h'>one</a> <button>two</button>", async (page) => {
    await assertAccessible(page);
    assert.equal(await walkByKeyboard(page), 2);
    await assertStill(page);
  }));
test("a page that is ours alone is safe", () => judged("<a href='/own'>one</a><p>مرحبا</p>", (page) => page.evaluate(() => document.querySelector("link").remove()).then(() => assertSafe(page))));
for (const [what, html, judge, said] of [
  ["a picture without words", "<img src='data:,'>", assertAccessible, /image-alt/],
  ["text that can hardly be read", "<p style='color: #bbb; background: #fff'>pale</p>", assertAccessible, /color-contrast/],
  ["a button that hides its focus", "<button style='outline: none'>x</button>", walkByKeyboard, /does not show its focus/],
  ["a link that the keyboard never reaches", "<a href='#h' tabindex='1'>b</a><a href='#h'>a</a><button tabindex='2'>c</button>", walkByKeyboard, /out of order/],
  ["a box that is pushed down", "", pushed, /moves by itself/],
  ["a handler that came with a text", "<p onclick='1'>x</p>", assertSafe, /onclick/],
  ["a link that leads where a text says", "<a href='javascript:1'>x</a>", assertSafe, /javascript:1/],
  ["text that runs the other way", "<p>a\u202eb</p>", assertSafe, /202e/],
]) {
  test(`${what} is noticed, too`, () => assert.rejects(judged(html, judge), said));
}
