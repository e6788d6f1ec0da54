// The chat without a mouse: where Tab goes, what shows the focus, where it stays, and that keys do all that clicks do.
import assert from "node:assert/strict";
import { test } from "node:test";
import { onPage, picture, walkByKeyboard } from "./support/browser.mjs";
import { chatWith } from "./support/chat.mjs";
import { gate } from "./support/model.mjs";

/** Where an answer waits; each test that needs one makes its own. */
let waiting = gate();

async function* answer(said) {
  if (said === null) yield "That is all I can say.";
  else if (said.includes("look")) yield* ["Let me look.", { call: "list_files", params: { path: "." } }];
  else if (said.includes("destroy")) yield { call: "execute_command", params: { command: "rm -rf /" } };
  // A person is asked about it, and it does nothing where there is no repository.
  else if (said.includes("reset")) yield { call: "execute_command", params: { command: "git reset --hard" } };
  else if (said.includes("wait")) {
    yield "Here is [a page](https://example.com/a) and [another](https://example.com/b).";
    await waiting.opened;
    yield " The last words.";
  } else yield "You said something.";
}

const chat = chatWith(answer, () => waiting.open());
const { open } = chat;

/** Writes and sends where the focus is. */
async function say(page, message) {
  await page.keyboard.type(message);
  await page.keyboard.press("Enter");
}

async function over(page) {
  await page.getByRole("button", { name: "Send" }).waitFor({ state: "attached" });
  await page.locator("#send:not(.halts)").waitFor();
}

/** Who has the focus, in words. */
function focused(page) {
  return page.evaluate(() => {
    const one = document.activeElement;
    return one === document.body ? "nobody" : (one.getAttribute("aria-label") ?? one.name ?? "") || one.id || one.innerText.trim();
  });
}

/** Presses `key` until what has the focus says `wanted`. */
async function go(page, wanted, key = "Tab") {
  for (let presses = 0; presses < 60; presses += 1) {
    if (wanted.test(await focused(page))) return;
    await page.keyboard.press(key);
  }
  assert.fail(`${key} never comes to ${wanted}; it is at ${await focused(page)}`);
}

/** The walk from the top, once in each direction and out of the page again. */
async function walk(page) {
  const top = () =>
    page.evaluate(() => {
      document.body.tabIndex = -1;
      document.body.focus();
      document.body.removeAttribute("tabindex");
    });
  await top();
  const stops = await walkByKeyboard(page);
  // Nothing holds the focus: it leaves the last stop, and the first one backwards.
  const last = await focused(page);
  await page.keyboard.press("Tab");
  assert.notEqual(await focused(page), last, "Tab leaves the last stop");
  await top();
  // Between the first stop and the last there is the browser itself.
  for (let presses = 0; presses < 3 && (await focused(page)) === "nobody"; presses += 1) await page.keyboard.press("Shift+Tab");
  assert.equal(await focused(page), last, "and comes back to it from the other side");
  return stops;
}

test("Tab goes through the whole page in order, shows where it is, and is never held", () =>
  onPage(chat.browser, {}, async (page) => {
    await open(page);
    // Asked for before anything else: the browser shows a chooser of its own until it knows that somebody waits for it.
    const chooser = page.waitForEvent("filechooser");
    // Earlier, Dashboard, three messages to try, the message, Attach, model and thinking.
    assert.equal(await walk(page), 9, "an empty chat");
    await go(page, /^Attach/);
    await page.keyboard.press("Enter");
    await (await chooser).setFiles({ name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("words") });
    await page.getByRole("button", { name: "Remove a.txt" }).waitFor();
    // What takes the file away again, and Send.
    assert.equal(await walk(page), 11, "with a file");
    await go(page, /^Remove a.txt$/);
    await page.keyboard.press("Enter");
    await page.getByRole("textbox").focus();
    for (const message of ["look around", "destroy everything"]) {
      await say(page, message);
      await over(page);
    }
    await page.locator("details.card summary").press("Enter");
    await page.getByText("hello.txt").waitFor();
    // New chat, Earlier, Dashboard; the call's fold and its trace, the refusal's trace; the message, Attach, model and
    // thinking.
    assert.equal(await walk(page), 10, "a conversation");
    await page.getByRole("textbox").focus();
    await say(page, "reset it");
    await page.locator(".question").waitFor();
    // The question's two buttons, and Stop.
    assert.equal(await walk(page), 13, "a question in a running answer");
    await picture(page, "chat-keyboard");
    await page.keyboard.press("Escape");
    await page.getByText("You stopped it.").waitFor();
  }));

test("on a phone's width as well", () =>
  onPage(chat.browser, { width: 375 }, async (page) => {
    await open(page);
    await say(page, "look around");
    await over(page);
    await walk(page);
  }));

test("everything that is clicked is done with keys", () =>
  onPage(chat.browser, {}, async (page) => {
    await open(page);
    // A message to try.
    await go(page, /^Look around/, "Shift+Tab");
    await page.keyboard.press("Enter");
    await page.locator("#log .card").waitFor();
    await over(page);
    assert.equal(await focused(page), "message", "what was pressed is gone, and the composer is next");
    // A choice.
    await go(page, /^model$/);
    await page.keyboard.press("ArrowDown");
    assert.equal(await page.getByLabel("Model").inputValue(), "openai/first");
    // A call unfolds and folds.
    await go(page, /^message$/, "Shift+Tab");
    await say(page, "look at this");
    await over(page);
    const fold = page.locator("details.card").last();
    await go(page, /^Allowed/, "Shift+Tab");
    for (const [key, expected] of [["Enter", true], ["Space", false]]) {
      await page.keyboard.press(key);
      assert.equal(await fold.evaluate((one) => one.open), expected, key);
    }
    // A question is answered.
    await go(page, /^message$/);
    await say(page, "reset it");
    await page.locator(".question").waitFor();
    await go(page, /^Deny$/, "Shift+Tab");
    await page.keyboard.press("Space");
    await page.locator("#log .refusal", { hasText: "You said no" }).waitFor();
    await over(page);
    assert.equal(await focused(page), "message", "the button is gone, and the composer is next");
    // Earlier conversations open, are left by Escape, and are chosen from.
    await go(page, /^earlier$/, "Shift+Tab");
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: /look at this|Look around|list_files/ }).first().waitFor();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    assert.equal(await focused(page), "earlier", "the focus is where it was");
    // A new chat, and back into that one.
    await go(page, /^fresh$/, "Shift+Tab");
    await page.keyboard.press("Enter");
    assert.equal(await page.locator("#log > *").count(), 0);
    assert.equal(await focused(page), "message");
    await go(page, /^earlier$/, "Shift+Tab");
    await page.keyboard.press("Enter");
    await dialog.locator("li button").first().waitFor();
    await go(page, /messages? *$|messages/);
    await page.keyboard.press("Enter");
    await page.locator("#log .said").first().waitFor();
    assert.equal(await focused(page), "message");
  }));

test("an answer neither takes the focus nor loses it, and Escape stops it from anywhere", () =>
  onPage(chat.browser, {}, async (page) => {
    waiting = gate();
    await open(page);
    await say(page, "wait for it");
    await page.getByRole("link", { name: "another" }).waitFor();
    await go(page, /^another$/, "Shift+Tab");
    waiting.open();
    await page.getByText("The last words.").waitFor();
    await over(page);
    assert.equal(await focused(page), "another", "who reads stays there");

    waiting = gate();
    await go(page, /^message$/);
    await say(page, "wait for ever");
    await page.locator("#log > .turn").last().getByRole("link", { name: "another" }).waitFor();
    await go(page, /^another$/, "Shift+Tab");
    // What is open in front of the page takes the key first.
    await go(page, /^earlier$/, "Shift+Tab");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").locator("li button").first().waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    assert.equal(await page.locator("#send.halts").count(), 1, "it still runs");
    await page.keyboard.press("Escape");
    await page.getByText("You stopped it.").waitFor();
    await chat.model.requests.at(-1).gone;
    waiting.open();
  }));
