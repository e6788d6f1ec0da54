// Everybody can use every page: axe's rules, the keyboard, both themes, a phone and a desktop, with and without JavaScript.
import { test } from "node:test";
import { assertAccessible, assertStill, onPage, visit, walkByKeyboard } from "../support/browser.mjs";

/** The pages are the same whatever keeps the traces: on Postgres, natively or in the Worker, two of the four ways to look are enough. */
const once = ["postgres", "workerd"].includes(process.env.SMOLTBOT_EDGE_HOST);
/** What may move while a page comes in: on a busy machine its first lines are painted before the next ones are there. */
const SETTLING = 0.01;
/** One page of each kind: the others have the same controls. */
const kinds = (name) => !/^agent-(?!traces)|^traces-|^refusals-|^card-|^trace-(?!refused|approved)/.test(name);

export function access(world) {
  for (const scheme of ["light", "dark"]) {
    for (const width of [375, 1440]) {
      if (once && (scheme === "light") === (width === 375)) continue;
      test(`no page breaks a rule of axe: ${width} ${scheme}`, async () => {
        await eachPage(world, { scheme, width }, assertAccessible);
      });
    }
  }

  test("every page is whole without JavaScript", async () => {
    await eachPage(world, { js: false, width: 375 }, async () => {});
  });

  for (const width of once ? [375] : [375, 1440]) {
    test(`everything is reached by the keyboard: ${width}`, async () => {
      await eachPage(world, { width, only: kinds }, walkByKeyboard);
    });
  }
}

/** Opens each page, in two windows at a time, and hands it to `use`; tells of all that fail. */
async function eachPage({ site, browser }, options, use) {
  const failed = [];
  const left = Object.entries(site.pages).filter(([name]) => !options.only || options.only(name));
  const work = () => onPage(browser, options, async (page, wrong) => {
    for (let next = left.shift(); next; next = left.shift()) {
      const [name, path] = next;
      try {
        await visit(page, site.url(path));
        if (options.js !== false) await assertStill(page, SETTLING);
        await use(page);
      } catch (error) {
        failed.push(`${name}: ${error.message}`);
      }
      failed.push(...wrong.splice(0).map((what) => `${name}: ${what}`));
    }
  });
  await Promise.all([work(), work()]);
  if (failed.length) throw new Error(failed.join("\n"));
}
