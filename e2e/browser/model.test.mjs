// The gateway's page with a model behind it: words as they come, calls that unfold, refusals, stopping, choosing, going back.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { assertAccessible, assertFits, onPage, picture, visit } from "./support/browser.mjs";
import { chatWith } from "./support/chat.mjs";
import { gate } from "./support/model.mjs";

/** Where the answers to "wait" wait; each test that needs one makes its own. */
let waiting = gate();
/** Whether every answer is one more call. */
let restless = false;

async function* answer(said) {
  if (restless) yield* ["Once more.\n", { call: "list_files", params: { path: "." } }];
  else if (said === null) yield* ["That is ", "all I ", "can say."];
  else if (said.includes("wait")) {
    yield "The first words";
    await waiting.opened;
    yield " and the last.";
  } else if (said.includes("look")) yield* ["Let me look.", { call: "list_files", params: { path: "." } }];
  else if (said.includes("destroy")) yield { call: "execute_command", params: { command: "rm -rf /" } };
  else yield* ["You said: ", `**${said.slice(0, 40)}**`, "\n\n- one\n- two"];
}

const chat = chatWith(answer, () => waiting.open());
const { open } = chat;

async function say(page, message) {
  await page.getByRole("textbox").fill(message);
  await page.keyboard.press("Enter");
}

/** The last turn, once it is over. */
async function over(page) {
  const turn = page.locator("#log > .turn").last();
  await page.getByRole("button", { name: "Send" }).waitFor();
  return turn;
}

/** The trace that a link leads to. */
async function traced(link) {
  const href = await link.getAttribute("href");
  assert.ok(href.startsWith(`${chat.smoltbot.edge}/trace/`), href);
  const id = href.split("/").at(-1);
  const traces = await chat.smoltbot.traces((all) => all.some((one) => one.id === id));
  return { href, trace: traces.find((one) => one.id === id) };
}

test("words appear while the model still speaks", () =>
  onPage(chat.browser, {}, async (page) => {
    waiting = gate();
    await open(page);
    await say(page, "wait for it");
    const turn = page.locator("#log > .turn").last();
    await turn.getByText("The first words").waitFor();
    await page.getByRole("button", { name: "Stop" }).waitFor();
    assert.ok(!(await turn.innerText()).includes("the last"));
    waiting.open();
    await turn.getByText("The first words and the last.").waitFor();
    await page.getByRole("button", { name: "Send" }).waitFor();
    assert.match(await turn.innerText(), /first/, "who answered is told");
  }));

test("a call unfolds, with its verdict and the way to its trace", () =>
  onPage(chat.browser, {}, async (page) => {
    await open(page);
    await say(page, "look around");
    const turn = await over(page);
    const call = turn.locator("details.card");
    assert.equal(await call.count(), 1);
    assert.match(await call.locator("summary").innerText(), /Allowed[\s\S]*list_files/);
    assert.equal(await call.getByText("hello.txt").isVisible(), false, "it is folded");
    await call.locator("summary").focus();
    await page.keyboard.press("Enter");
    await call.getByText("hello.txt").waitFor();
    const { href, trace } = await traced(call.getByRole("link", { name: /trace/ }));
    assert.equal(trace.action_type, "allow");
    assert.match(await turn.innerText(), /That is all I can say\./);
    await visit(page, href);
    assert.match(await page.locator("main").innerText(), /list_files/);
  }));

test("a refusal says why in plain words, and the model goes on", () =>
  onPage(chat.browser, {}, async (page) => {
    await open(page);
    await say(page, "destroy everything");
    const turn = await over(page);
    const refusal = turn.locator(".refusal");
    const told = await refusal.innerText();
    assert.match(told, /Refused/);
    const { trace } = await traced(refusal.getByRole("link", { name: /trace/ }));
    assert.equal(trace.action_type, "deny");
    assert.ok(told.includes(trace.metadata.conscience_reason), told);
    assert.doesNotMatch(told, /[{}]|undefined|null/, "no data in place of words");
    assert.match(await turn.innerText(), /That is all I can say\./);
    const heard = chat.model.requests.at(-1).asked.messages.at(-1).content;
    assert.ok(JSON.stringify(heard).includes(trace.id), "the model was told the same");
  }));

for (const [how, stop] of [
  ["the button", (page) => page.getByRole("button", { name: "Stop" }).click()],
  ["Escape", (page) => page.keyboard.press("Escape")],
]) {
  test(`what is under way is stopped by ${how}, and the chat goes on`, () =>
    onPage(chat.browser, {}, async (page) => {
      waiting = gate();
      await open(page);
      await say(page, "wait for ever");
      await page.getByText("The first words").last().waitFor();
      await stop(page);
      const turn = page.locator("#log > .turn").last();
      await turn.getByText("You stopped it.").waitFor();
      // The provider is not listened to any more, either.
      await chat.model.requests.at(-1).gone;
      waiting.open();
      await say(page, "and now?");
      await page.getByText("You said:").waitFor();
    }));
}

test("a model that does not come to an end is stopped, and the person is told so below its words", () =>
  onPage(chat.browser, {}, async (page) => {
    await open(page);
    restless = true;
    try {
      await say(page, "go on and on");
      const turn = await over(page);
      await turn.getByText("[stopped here: the model went on making one and the same call").waitFor();
      assert.equal(await turn.getByText("Once more.").count() > 1, true);
    } finally {
      restless = false;
    }
  }));

test("another model is asked when it is chosen, and thinks as long as it is told", () =>
  onPage(chat.browser, {}, async (page) => {
    await open(page);
    const select = page.getByLabel("Model");
    const names = await select.locator("option").allInnerTexts();
    assert.deepEqual(names, ["Default", "openai/first", "groq/second"]);
    await say(page, "one");
    await over(page);
    assert.equal(chat.model.requests.at(-1).asked.model, "first");
    await select.selectOption("groq/second");
    await page.getByLabel("Thinking").selectOption("high");
    await say(page, "two");
    const turn = await over(page);
    assert.equal(chat.model.requests.at(-1).asked.model, "second");
    assert.match(await turn.innerText(), /second/);
    // The choice is kept.
    await page.reload();
    await page.locator("#choices").waitFor();
    assert.equal(await page.getByLabel("Model").inputValue(), "groq/second");
  }));

test("an earlier conversation is found again and goes on", () =>
  onPage(chat.browser, {}, async (page) => {
    await open(page);
    await say(page, "remember the marmalade");
    await over(page);
    await page.getByRole("button", { name: "New chat" }).click();
    assert.equal(await page.locator("#log > *").count(), 0);
    await say(page, "something else");
    await over(page);
    await page.getByRole("button", { name: "Earlier" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: /remember the marmalade/ }).click();
    await page.locator("#log .said", { hasText: "remember the marmalade" }).waitFor();
    assert.equal(await page.locator("#log .said", { hasText: "something else" }).count(), 0);
    await say(page, "go on");
    await over(page);
    const heard = JSON.stringify(chat.model.requests.at(-1).asked.messages);
    assert.ok(heard.includes("marmalade") && !heard.includes("something else"), heard);
  }));

test("a message is written, sent and called back by the keyboard alone", () =>
  onPage(chat.browser, {}, async (page) => {
    await open(page);
    // The composer has the focus as soon as the page is there.
    await page.keyboard.type("look at this");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("and that");
    await page.keyboard.press("Enter");
    await over(page);
    const said = await page.locator("#log .said").last().innerText();
    assert.match(said, /look at this\nand that/);
    await page.keyboard.press("ArrowUp");
    assert.equal(await page.getByRole("textbox").inputValue(), "look at this\nand that");
  }));

for (const scheme of ["light", "dark"]) {
  for (const width of [375, 1440]) {
    test(`a whole conversation fits and breaks no rule of axe: ${width}-${scheme}`, () =>
      onPage(chat.browser, { scheme, width }, async (page) => {
        await open(page);
        const long = "x".repeat(300);
        for (const message of ["look around", "destroy everything", `say ${long} <img src=x onerror=alert(1)>`]) {
          await say(page, message);
          await over(page);
        }
        await page.locator("details.card summary").first().click();
        await assertFits(page);
        await assertAccessible(page);
        await picture(page, `chat-model-${width}-${scheme}`);
        await page.getByRole("button", { name: "Earlier" }).click();
        await page.getByRole("dialog").getByRole("button", { name: /look around/ }).first().waitFor();
        await assertFits(page);
        await assertAccessible(page);
      }));
  }
}

// CVE-2026-25253: a page that took its gateway from its address told a stranger the token.
test("the page talks to its own gateway and to nobody else", async () => {
  let visits = 0;
  const stranger = createServer((socket) => {
    visits += 1;
    socket.destroy();
  });
  stranger.listen(0, "127.0.0.1");
  await once(stranger, "listening");
  const place = `127.0.0.1:${stranger.address().port}`;
  try {
    await onPage(chat.browser, { expected: /Content Security Policy|violates the following|Refused to connect|ERR_BLOCKED_BY_CSP|csp/i }, async (page) => {
      await visit(page, chat.smoltbot.chat);
      const { origin } = new URL(chat.smoltbot.chat);
      await visit(page, `${origin}/?gatewayUrl=ws://${place}/&gateway=http://${place}&url=ws://${place}#gatewayUrl=ws://${place}`);
      await say(page, "hello");
      await page.getByText("You said:").waitFor();
      // Whatever ran on the page could not reach anybody else.
      const blocked = await page.evaluate(async (place) => {
        const violations = [];
        document.addEventListener("securitypolicyviolation", (event) => violations.push(event.effectiveDirective));
        try {
          new WebSocket(`ws://${place}/`);
        } catch { /* Some browsers throw. */ }
        await fetch(`http://${place}/`).catch(() => {});
        while (violations.length < 2) await new Promise((done) => setTimeout(done, 10));
        return violations;
      }, place);
      assert.deepEqual(blocked, ["connect-src", "connect-src"]);
    });
    assert.equal(visits, 0);
  } finally {
    stranger.close();
  }
});
