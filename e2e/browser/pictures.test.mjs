// Files that go with a message on the gateway's page: by the button, pasted, dropped; by the keyboard alone; and after a reload.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertAccessible, assertFits, onPage, picture } from "./support/browser.mjs";
import { chatWith } from "./support/chat.mjs";

/** One pixel. */
const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
const dot = (name = "dot.png") => ({ name, mimeType: "image/png", buffer: Buffer.from(PNG, "base64") });

const chat = chatWith(async function* () {
  yield "I see.";
});
const { open } = chat;

/** Waits for the answer to what was sent; the model was asked with that content. */
async function answered(page) {
  await page.locator("#log > .turn").last().getByText("I see.").waitFor();
  await page.getByRole("button", { name: "Send" }).waitFor();
  return chat.model.requests.at(-1).asked.messages.findLast(({ role }) => role === "user").content;
}

/** The pictures of the last message, each of them really drawn. */
async function drawn(page) {
  const pictures = page.locator("#log > .said").last().locator("img");
  await pictures.first().waitFor();
  return pictures.evaluateAll((all) => Promise.all(all.map(async (one) => (await one.decode(), one.naturalWidth))));
}

/** Brings files as the clipboard or a hand does. */
const bring = (page, how, files) =>
  page.evaluate(
    ([how, files]) => {
      const data = new DataTransfer();
      for (const { name, type, content } of files) {
        data.items.add(new File([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], name, { type }));
      }
      const options = { bubbles: true, cancelable: true };
      if (how === "paste") document.getElementById("message").dispatchEvent(new ClipboardEvent("paste", { ...options, clipboardData: data }));
      else for (const type of ["dragover", "drop"]) document.body.dispatchEvent(new DragEvent(type, { ...options, dataTransfer: data }));
    },
    [how, files],
  );

test("a picture goes with a message, is shown there, and again after a reload", () =>
  onPage(chat.browser, {}, async (page) => {
    await open(page);
    const chooser = page.waitForEvent("filechooser");
    await page.getByRole("button", { name: "Attach pictures or texts" }).click();
    await (await chooser).setFiles([dot(), { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("a note") }]);
    const chosen = page.getByRole("list", { name: "Attached" }).getByRole("listitem");
    await chosen.getByText("notes.txt").waitFor();
    assert.deepEqual(await chosen.allInnerTexts().then((texts) => texts.map((text) => text.split("\n")[0])), ["dot.png", "notes.txt"]);
    await assertAccessible(page);
    await picture(page, "chat-attached-1440-light");
    await page.getByRole("textbox").fill("What is this?");
    await page.keyboard.press("Enter");
    const content = await answered(page);
    assert.equal(content[0].text, "What is this?");
    assert.equal(content.find(({ type }) => type === "image_url").image_url.url, `data:image/png;base64,${PNG}`);
    assert.ok(content.some(({ text }) => text?.includes("[Attached file: notes.txt]")));
    assert.deepEqual(await drawn(page), [1]);
    assert.equal(await chosen.count(), 0, "they are gone from the composer");

    await page.waitForFunction(() => sessionStorage.getItem("smoltbot.chat")?.includes("/pictures/"));
    await page.reload();
    assert.deepEqual(await drawn(page), [1], "the gateway has kept it");
    await page.getByRole("button", { name: "New chat" }).click();
    await page.getByRole("button", { name: "Earlier" }).click();
    await page.getByRole("dialog").getByRole("button").nth(1).click();
    assert.deepEqual(await drawn(page), [1]);
    assert.equal((await page.locator("#log > .said").last().innerText()).trim(), "What is this?\n[notes.txt]");
  }));

test("pictures are pasted and dropped, and taken away by the keyboard", () =>
  onPage(chat.browser, { width: 375, scheme: "dark" }, async (page) => {
    await open(page);
    const file = (name) => ({ name, type: "image/png", content: PNG });
    await page.getByRole("textbox").focus();
    await bring(page, "paste", [file("pasted.png")]);
    const list = page.getByRole("list", { name: "Attached" });
    await list.getByText("pasted.png").waitFor();
    await bring(page, "drop", [file("dropped.png"), file("third.png")]);
    await list.getByText("third.png").waitFor();
    await assertFits(page);
    await picture(page, "chat-attached-375-dark");
    await page.getByRole("button", { name: "Remove dropped.png" }).focus();
    await page.keyboard.press("Enter");
    assert.equal(await list.getByRole("listitem").count(), 2);
    const focused = await page.evaluate(() => document.activeElement.getAttribute("aria-label"));
    assert.equal(focused, "Remove third.png", "the focus goes on");
    await page.getByRole("button", { name: "Send" }).click();
    const content = await answered(page);
    assert.equal(content.filter(({ type }) => type === "image_url").length, 2, "a message of pictures alone");
    assert.deepEqual(await drawn(page), [1, 1]);
  }));

test("what is not taken is told at once, and the message stays", () =>
  onPage(chat.browser, {}, async (page) => {
    await open(page);
    await page.getByRole("textbox").fill("Look at this");
    const before = chat.model.requests.length;
    await page.locator("#file").setInputFiles([
      { name: "a.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF-1.7") },
      { name: "b.heic", mimeType: "image/heic", buffer: Buffer.from("ftypheic") },
      { name: "c.txt", mimeType: "text/plain", buffer: Buffer.alloc(64 * 1024 + 1, "x") },
    ]);
    const told = page.getByRole("status");
    await told.getByText("c.txt has").waitFor();
    assert.match(await told.innerText(), /a\.pdf is neither .*b\.heic is no PNG.*c\.txt has 66 KB; at most/s);
    assert.equal(await page.getByRole("list", { name: "Attached" }).isVisible(), false);
    assert.equal(await page.getByRole("textbox").inputValue(), "Look at this");
    assert.equal(chat.model.requests.length, before);
  }));
