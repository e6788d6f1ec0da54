// Chromium, and a page that remembers everything that must not happen on it.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

const tools = process.env.SMOLTBOT_TOOLS;
if (!tools) throw new Error("SMOLTBOT_TOOLS is not set: run these tests with `cargo xtask test`");
const { chromium } = createRequire(join(tools, "browser", "package.json"))("playwright-core");

/** Starts the browser. Its sandbox needs what a container's root does not have; it only ever sees this machine. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.SMOLTBOT_CHROMIUM,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/**
 * Opens a page, hands it to `use`, and fails if anything was wrong on it meanwhile. What the console says of an answer
 * that the test asks for, such as a 404, is `expected`.
 */
export async function onPage(browser, { width = 1440, scheme = "light", js = true, motion = "reduce", expected } = {}, use) {
  const context = await browser.newContext({
    viewport: { width, height: width < 600 ? 800 : 1000 },
    colorScheme: scheme,
    javaScriptEnabled: js,
    reducedMotion: motion,
  });
  try {
    const page = await context.newPage();
    const wrong = watch(page, expected);
    await use(page);
    assert.deepEqual(wrong, [], "nothing goes wrong on the page");
  } finally {
    await context.close();
  }
}

/** Collects what must not happen: scripts of others, errors, refusals by the content policy, failed requests. */
function watch(page, expected) {
  const wrong = [];
  page.on("dialog", async (dialog) => {
    wrong.push(`a script ran and said: ${dialog.message()}`);
    await dialog.dismiss();
  });
  page.on("pageerror", (error) => wrong.push(`uncaught: ${error}`));
  page.on("console", (message) => {
    // Refusals by the content policy are told here as errors, too.
    if (expected?.test(message.text())) return;
    if (["error", "warning"].includes(message.type())) wrong.push(`console: ${message.text()}`);
  });
  page.on("requestfailed", (request) => {
    // A page that is left ends its own requests.
    const reason = request.failure()?.errorText;
    if (reason !== "net::ERR_ABORTED") wrong.push(`${request.url()}: ${reason}`);
  });
  return wrong;
}

/** Goes to `url` and checks what holds for every page of ours. */
export async function visit(page, url, { status = 200 } = {}) {
  const response = await page.goto(url, { waitUntil: "load" });
  assert.equal(response.status(), status, url);
  const policy = response.headers()["content-security-policy"] ?? "";
  assert.match(policy, /default-src 'none'/, `${url} has a strict content policy`);
  assert.doesNotMatch(policy, /unsafe-/, `${url} allows nothing inline`);
  assert.notEqual(await page.title(), "", `${url} has a title`);
  assert.equal(await page.locator("h1").count(), 1, `${url} has one main heading`);
  await assertFits(page);
}

/** Nothing sticks out to the right. */
export async function assertFits(page) {
  const [content, window] = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return [scrollWidth, clientWidth];
  });
  assert.ok(content <= window, `${page.url()} is ${content} wide in a window of ${window}`);
}

/** Saves a picture of the whole page. */
export async function picture(page, name) {
  const dir = process.env.SMOLTBOT_SCREENSHOTS;
  if (!dir) return;
  await mkdir(dir, { recursive: true });
  await page.screenshot({ path: join(dir, `${name}.png`), fullPage: true });
}
