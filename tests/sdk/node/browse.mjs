// Opens a page in Chromium, lets it tell the story, says so, and stays until its stdin ends.
import { chromium } from "playwright-core";
import { fail, input } from "./told.mjs";

const context = await chromium.launchPersistentContext(input.profile, {
  executablePath: input.chromium,
  headless: true,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
  ],
});
const complaints = [];
async function end(reason) {
  await context.close();
  fail(reason);
}
context.on("request", (request) => {
  const url = new URL(request.url());
  if (url.protocol.startsWith("http") && url.hostname !== "127.0.0.1") complaints.push(`asked for ${url}`);
});
context.on("response", (response) => {
  if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`);
});
const page = context.pages()[0] ?? (await context.newPage());
page.on("pageerror", (error) => complaints.push(String(error)));
page.on("console", (message) => {
  if (message.type() === "error") complaints.push(message.text());
});
const late = setTimeout(() => end(["it does not come to an end", complaints]), 45_000);
process.on("SIGTERM", () => end("asked to stop"));
try {
  await page.goto(input.page);
  await page.evaluate((given) => window.tell(given), input);
  if (input.leave) await page.goto("about:blank");
} catch (error) {
  await end([error, complaints]);
}
clearTimeout(late);
console.log("told");
process.stdin.on("end", async () => {
  await context.close();
  console.log(JSON.stringify(complaints));
  process.exit(0);
});
process.stdin.resume();
