// Pictures of every page, light and dark, as a phone and as a desktop show it, into $SMOLTBOT_SCREENSHOTS; with $SMOLTBOT_DOCS
// also those of the README. Everything on them went the real way: judged by the conscience, chained, signed, sent, kept.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { launch, onPage, picture, visit } from "./support/browser.mjs";
import { Site } from "./support/site.mjs";

/** Calls of each agent of the past. */
const SCALE = 700;
/** Pages of the README: which, how, and how much of them. */
const DOCS = [
  ["dashboard", "home", { scheme: "light", width: 1280 }, 1040],
  ["refusals", "refusals", { scheme: "light", width: 1280 }, 900],
  ["refusal", "trace-refused", { scheme: "dark", width: 1280 }, 700],
];

const [site, browser] = await Promise.all([Site.open({ scale: SCALE }), launch()]);
try {
  const only = process.argv.slice(2);
  const wanted = ([name]) => only.length === 0 || only.includes(name);
  const problems = { "problem-missing": "/trace/0193b5b0-7c4e-7a3c-9d39-1f2e3d4c5b6a", "problem-wrong": "/traces?verdict=maybe" };
  for (const scheme of ["light", "dark"]) {
    for (const width of [375, 1440]) {
      const how = `${width}-${scheme}`;
      await onPage(browser, { scheme, width, expected: /status of 40[04]/ }, async (page) => {
        for (const [name, path] of Object.entries(site.pages).filter(wanted)) {
          await visit(page, site.url(path));
          await picture(page, `${name}-${how}`);
        }
        for (const [name, path] of Object.entries(problems).filter(wanted)) {
          await page.goto(site.url(path));
          await picture(page, `${name}-${how}`);
        }
        const shown = Object.keys(site.files).filter((path) => /\.(svg|png)$/.test(path));
        if (only.length === 0) {
          await page.setContent(shown.map((path) => `<p><img src="${site.url(path)}" alt="">`).join(""));
          await page.waitForLoadState("networkidle");
          await picture(page, `pictures-${how}`);
        }
      });
    }
  }
  if (process.env.SMOLTBOT_DOCS) {
    await mkdir(process.env.SMOLTBOT_DOCS, { recursive: true });
    for (const [file, name, options, height] of DOCS) {
      await onPage(browser, options, async (page) => {
        await page.setViewportSize({ width: options.width, height });
        await visit(page, site.url(site.pages[name]));
        await page.screenshot({ path: join(process.env.SMOLTBOT_DOCS, `${file}.png`) });
      });
    }
  }
} finally {
  await browser.close();
  await site.close();
}
