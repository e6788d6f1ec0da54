// Questions of the conscience to the person at the chat: asked on the page, answered by a button, told on the dashboard.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertFits, launch, onPage, picture, visit } from "./support/browser.mjs";
import { Smoltbot } from "./support/smoltbot.mjs";

/** A person is asked about it, and it does nothing where there is no repository. */
const MESSAGE = `/run execute_command {"command":"git reset --hard; echo went on"}`;

let smoltbot, browser;

before(async () => {
  [smoltbot, browser] = await Promise.all([Smoltbot.up(), launch()]);
});

after(async () => {
  await browser?.close();
  await smoltbot?.stop();
});

/** Sends the message and returns the card with the question. */
async function ask(page) {
  await visit(page, smoltbot.chat);
  await page.getByRole("textbox").fill(MESSAGE);
  await page.keyboard.press("Enter");
  const card = page.locator(".question");
  await card.waitFor();
  return card;
}

/** The trace that the last card leads to. */
async function traced(page) {
  const href = await page.locator("#log > li:last-child a").first().getAttribute("href");
  const id = href.split("/").at(-1);
  const traces = await smoltbot.traces((all) => all.some((one) => one.id === id));
  const document = await (await fetch(`${smoltbot.edge}/v1/traces/${id}`, { headers: { Accept: "application/aap-trace+json" } })).json();
  return { row: traces.find((one) => one.id === id), document };
}

for (const [width, scheme] of [[375, "light"], [1440, "dark"]]) {
  test(`a question is shown with what would run, and a yes lets it run once: ${width}-${scheme}`, () =>
    onPage(browser, { width, scheme }, async (page) => {
      const card = await ask(page);
      assert.match(await card.innerText(), /git reset --hard; echo went on/);
      assert.match(await card.innerText(), /to answer/);
      await assertFits(page);
      await picture(page, `chat-question-${width}-${scheme}`);
      await card.getByRole("button", { name: "Approve once" }).click();
      const answer = page.locator("#log .card", { hasText: "You approved it" });
      await answer.waitFor();
      assert.match(await answer.innerText(), /went on/);
      const { row, document } = await traced(page);
      assert.equal(row.action_type, "allow");
      assert.equal(document.escalation.escalation_status, "approved");
      assert.equal(document.escalation.principal_response.decision, "approved");
    }));
}

test("a no runs nothing and leaves a refusal", () =>
  onPage(browser, {}, async (page) => {
    const card = await ask(page);
    await card.getByRole("button", { name: "Deny" }).click();
    const answer = page.locator("#log .refusal", { hasText: "You said no" });
    await answer.waitFor();
    assert.ok(!(await answer.innerText()).includes("went on\n"));
    const { row, document } = await traced(page);
    assert.equal(row.action_type, "deny");
    assert.equal(document.escalation.escalation_status, "denied");
    assert.equal(document.escalation.principal_response.decision, "denied");
  }));

test("a question that was answered elsewhere says so", () =>
  onPage(browser, { expected: /status of 404/ }, async (page) => {
    await page.route("**/api/approvals/*", async (route) => {
      // Somebody else was faster: the same answer, given twice.
      await route.fetch();
      await route.continue();
    });
    const card = await ask(page);
    await card.getByRole("button", { name: "Deny" }).click();
    await page.locator("#log .refusal", { hasText: "You said no" }).waitFor();
  }));
