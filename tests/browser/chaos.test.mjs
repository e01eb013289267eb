// Presses the buttons of a demo's chaos panel: nodes die and hang, and no result is lost.
//
//   STARLING_URL          the page of a demo that was started with --keep, with its #token=
//   STARLING_SCREENSHOTS  folder for pictures; none when empty
//   STARLING_CHROMIUM     the browser, /usr/bin/chromium when empty
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

const [url, hash] = (process.env.STARLING_URL ?? "").split("/#");
const pictures = process.env.STARLING_SCREENSHOTS ?? "";
const kLong = 120_000;

let browser;
let page;

before(async () => {
  assert.ok(hash, "set STARLING_URL; the head of chaos.test.mjs tells all variables");
  browser = await chromium.launch({
    executablePath: process.env.STARLING_CHROMIUM || "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run"],
  });
  page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
  page.setDefaultTimeout(20_000);
});

after(async () => {
  await browser?.close();
});

const number = async (name) => Number((await page.getByTestId(`chaos-${name}`).textContent()) ?? NaN);

async function until(what, holds) {
  const end = Date.now() + kLong;
  while (!(await holds())) {
    assert.ok(Date.now() < end, `waited in vain for ${what}`);
    await page.waitForTimeout(100);
  }
}

const logSays = (words) => page.getByTestId("chaos-log").getByText(words).first().waitFor();

test("nodes are killed and stopped while a study runs, and nothing is lost", async () => {
  await page.goto(`${url}/#${hash}`);
  await page.goto(`${url}/#/swarm`);
  const panel = page.getByTestId("chaos");
  await panel.waitFor();
  await page.getByTestId("chaos-start").click();
  await until("60 trials", async () => (await number("asked")) === 60);
  await until("a result", async () => (await number("final")) > 0);
  await panel.locator("select").selectOption("node-2");
  await panel.getByRole("button", { name: /^Kill\d*$/ }).click();
  await logSays("killed node-2 (signal 9)");
  await logSays("node-2 starts again");
  await panel.locator("select").selectOption("node-3");
  await panel.getByRole("button", { name: "Stop" }).click();
  await logSays("stopped node-3 (it hangs)");
  if (pictures) await page.screenshot({ path: `${pictures}/chaos.png`, fullPage: true });
  await logSays("node-3 goes on");
  await until("all nodes", async () => (await page.locator(".state-alive").count()) === 3);
  await until("all results", async () => (await number("final")) === 60);
  assert.equal(await number("lost"), 0);
  assert.equal(await number("doubled"), 0);
});

test("a storm can be begun and ended", async () => {
  const panel = page.getByTestId("chaos");
  await panel.getByRole("button", { name: "30 s of faults" }).click();
  const calm = panel.getByRole("button", { name: /End it/ });
  await calm.waitFor();
  const faults = async () => (await page.getByTestId("chaos-log").getByText(/killed|stopped/).count());
  const before = await faults();
  await until("a fault", async () => (await faults()) > before);
  await calm.click();
  await logSays("no more faults");
  await panel.getByRole("button", { name: "30 s of faults" }).waitFor();
  assert.equal(await number("lost"), 0);
});
