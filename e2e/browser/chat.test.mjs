// The gateway's page, where a person asks for tool calls.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertFits, launch, onPage, picture, visit } from "./support/browser.mjs";
import { Smoltbot } from "./support/smoltbot.mjs";

let smoltbot, browser;

before(async () => {
  [smoltbot, browser] = await Promise.all([Smoltbot.up(), launch()]);
});

after(async () => {
  await browser?.close();
  await smoltbot?.stop();
});

/** Opens the chat by the URL that `up` printed. */
async function open(page) {
  await visit(page, smoltbot.chat);
  assert.ok(!page.url().includes("token"), "the token does not stay in the address bar");
}

/** Sends `message` and returns its own answer, which says `expected`; an earlier one may have said the same. */
async function say(page, message, expected) {
  const before = await page.locator("#log > *").count();
  await page.getByRole("textbox").fill(message);
  await page.keyboard.press("Enter");
  const answer = page
    .locator(`#log > *:nth-child(n + ${before + 1}):not(.said)`)
    .filter({ hasText: expected })
    .last();
  await answer.waitFor();
  return answer;
}

for (const scheme of ["light", "dark"]) {
  for (const width of [375, 1440]) {
    test(`a refusal shows its reason and leads to its trace: ${width}-${scheme}`, () =>
      onPage(browser, { scheme, width }, async (page) => {
        await open(page);
        await picture(page, `chat-empty-${width}-${scheme}`);
        const answer = await say(page, `/run execute_command {"command":"rm -rf /"}`, /refused/i);
        const link = answer.locator(`a[href^="${smoltbot.edge}/trace/"]`);
        const href = await link.getAttribute("href");
        await assertFits(page);
        await picture(page, `chat-refused-${width}-${scheme}`);
        const id = href.split("/").at(-1);
        const [trace] = (await smoltbot.traces((all) => all.some((one) => one.id === id))).filter((one) => one.id === id);
        assert.equal(trace.action_type, "deny");
        assert.ok((await answer.innerText()).includes(trace.metadata.conscience_reason), "the same reason in both");
        await visit(page, href);
        assert.match(await page.locator("main").innerText(), /Refused/);
      }));
  }
}

test("what is allowed runs and shows its result", () =>
  onPage(browser, {}, async (page) => {
    await open(page);
    await say(page, `/run execute_command {"command":"ls"}`, "hello.txt");
    await say(page, `/run list_files {"path":"."}`, "hello.txt");
    const read = await say(page, `/run read_file {"path":"hello.txt"}`, "hello from the workspace");
    const href = await read.locator("a").first().getAttribute("href");
    const id = href.split("/").at(-1);
    const traces = await smoltbot.traces((all) => all.some((one) => one.id === id));
    assert.equal(traces.find((one) => one.id === id).action_type, "allow");
    await picture(page, "chat-results");
  }));

test("what a tool prints is text, never markup", () =>
  onPage(browser, {}, async (page) => {
    await open(page);
    const markup = "<img src=x onerror=alert(1)><script>alert(2)</script>";
    const answer = await say(page, `/run execute_command ${JSON.stringify({ command: `echo '${markup}'` })}`, "onerror");
    assert.equal(await answer.locator("img[src='x'], script").count(), 0);
    await assertFits(page);
  }));

test("bad input is answered, not swallowed", () =>
  onPage(browser, {}, async (page) => {
    await open(page);
    await say(page, "/run no_such_tool {}", "no_such_tool");
    await say(page, "/run read_file {not json", "not JSON");
  }));

test("without its token the chat stays locked", () =>
  onPage(browser, { js: false, expected: /status of 401/ }, async (page) => {
    const { origin } = new URL(smoltbot.chat);
    const response = await page.goto(origin);
    assert.equal(response.status(), 401);
    assert.equal(await page.getByRole("textbox").count(), 0);
    await picture(page, "chat-locked");
  }));
