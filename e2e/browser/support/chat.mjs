// The chat page with a model, for a file of tests: started before them and stopped after them.
import { after, before } from "node:test";
import { launch, visit } from "./browser.mjs";
import { Model } from "./model.mjs";
import { Smoltbot } from "./smoltbot.mjs";

/** A chat whose model answers with `answer`; `release` lets go of what may still wait when the tests are over. */
export function chatWith(answer, release = () => {}) {
  const chat = {
    /** Opens it, empty. */
    async open(page) {
      await visit(page, chat.smoltbot.chat);
      await page.locator("#choices").waitFor();
      return page;
    },
  };
  before(async () => {
    chat.model = await Model.start(answer);
    [chat.smoltbot, chat.browser] = await Promise.all([Smoltbot.up({ env: chat.model.env }), launch()]);
  });
  after(async () => {
    release();
    await chat.browser?.close();
    await chat.smoltbot?.stop();
    await chat.model?.stop();
  });
  return chat;
}
