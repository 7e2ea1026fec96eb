// The page on the real daemons: pairs, lists, plays, seeks, tags, at both widths. Started by `run`, which tells through the environment:
//   LANYARD_PAGE        address of the page
//   LANYARD_TOKEN_FILE  file with companiond's token
//   LANYARD_ARTIFACTS   folder for a picture of what a failed step left on the screen; optional
//   LANYARD_PRESS       command that presses the camera's buttons; gets one argument, as lab/buttons.c reads it: "both 2500", "click event"
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { launch, openPage, WIDTHS } from "./browser.mjs";
import { checkScreen, setting, until, videoState, waitForTime } from "./checks.mjs";

const url = setting("LANYARD_PAGE").replace(/\/$/, "");
const token = readFileSync(setting("LANYARD_TOKEN_FILE"), "utf8").trim();
const pressCommand = setting("LANYARD_PRESS");
const pictures = process.env.LANYARD_ARTIFACTS;
/** The lab emulates two processors, a radio and a camera on what runs this, too. */
const PATIENCE = 45_000;

const press = (what) => promisify(execFile)("/bin/sh", ["-c", `${pressCommand} "$0"`, what], { timeout: PATIENCE });

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

const strip = (page) => page.getByRole("region", { name: "Camera", exact: true });
const connected = (page) => strip(page).getByText("Connected", { exact: true }).waitFor({ timeout: PATIENCE });
const cards = (page) => page.locator("a.recording");

async function beUnpaired(page) {
	await page.getByRole("heading", { name: "Pair a camera" }).or(strip(page)).first().waitFor({ timeout: PATIENCE });
	if (await page.getByRole("heading", { name: "Pair a camera" }).isVisible())
		return;
	await page.locator(".chip-button").click();
	await page.getByRole("button", { name: "Forget this camera" }).click();
	await page.getByRole("button", { name: "Forget it" }).click();
	await page.getByRole("heading", { name: "Pair a camera" }).waitFor();
}

for (const [name, size] of Object.entries(WIDTHS))
	test(`${name} ${size.width} px`, async (context) => {
		const page = await openPage(browser, size, { position: { latitude: 59.3293, longitude: 18.0686, accuracy: 8 } });
		page.setDefaultTimeout(PATIENCE);
		// What comes after a failed step would only fail for its sake.
		const step = async (title, work) => {
			let done = false;
			await context.test(title, async () => {
				await work();
				done = true;
			});
			if (!done && pictures)
				await page.screenshot({ path: join(pictures, `failed-${name}.png`), fullPage: true });
			assert.ok(done, `stopped at: ${title}`);
		};
		const note = `seen at ${size.width} px`;
		let card = null;

		await step("opens with its token", async () => {
			await page.goto(`${url}/#token=${token}`);
			await beUnpaired(page);
			assert.ok(!page.url().includes("token"), "the token has left the address bar");
		});

		await step("pairs", async () => {
			await page.getByText("No camera is waiting").or(page.getByText("Looking", { exact: true })).first().waitFor();
			await press("both 2500");
			const pair = page.getByRole("button", { name: /^Pair with/ }).first();
			await pair.waitFor({ timeout: PATIENCE });
			await checkScreen(page, "camera near");
			await pair.click();
			await page.getByText("Are they the same?").waitFor({ timeout: PATIENCE });
			assert.match(await page.locator(".code").innerText(), /^\d{3}\s*\d{3}$/);
			await checkScreen(page, "compare");
			await page.getByRole("button", { name: "They are the same" }).click();
			await page.getByText("Now press Event on the camera.").waitFor({ timeout: PATIENCE });
			await press("click event");
			await page.getByText(/^Paired with /).waitFor({ timeout: PATIENCE });
			await connected(page);
		});

		await step("lists the recordings with their thumbnails", async () => {
			await page.waitForFunction(() => document.querySelectorAll("a.recording").length >= 3, null, { timeout: PATIENCE });
			await page.waitForFunction(() => {
				const shown = [...document.querySelectorAll("a.recording")].slice(0, 2).map((link) => link.querySelector("img"));
				return shown.every((image) => image?.naturalWidth > 0);
			}, null, { timeout: PATIENCE });
			for (const text of await cards(page).allInnerTexts())
				assert.match(text, /\d\d:\d\d:\d\d[\s\S]*(\d+:\d\d · [\d.]+ [kMG]?B|Not ended)/);
			await checkScreen(page, "list");
			const times = await cards(page).locator(".thumb-time").allInnerTexts();
			card = times.findIndex((text) => text !== "…" && text >= "0:04");
			assert.ok(card >= 0, `a recording of at least four seconds: ${times}`);
		});

		await step("plays: time goes on, pictures are decoded", async () => {
			await cards(page).nth(card).click();
			await page.getByRole("button", { name: "Play", exact: true }).first().click();
			await waitForTime(page, 0.5, 2 * PATIENCE);
			const first = await videoState(page);
			await waitForTime(page, first.time + 0.5, PATIENCE);
			const second = await videoState(page);
			assert.ok(second.frames > first.frames && second.error === null, JSON.stringify({ first, second }));
			const shades = await page.evaluate(() => {
				const canvas = document.createElement("canvas");
				[canvas.width, canvas.height] = [64, 36];
				const brush = canvas.getContext("2d");
				brush.drawImage(document.querySelector("video"), 0, 0, 64, 36);
				return new Set(brush.getImageData(0, 0, 64, 36).data).size;
			});
			assert.ok(shades > 8, `a picture, not an empty frame: ${shades} shades`);
			await checkScreen(page, "playing");
		});

		await step("seeks by slider and by keyboard", async () => {
			const slider = page.getByRole("slider", { name: "Position in the recording" });
			const length = Number(await slider.getAttribute("max"));
			await slider.fill(String(Math.round(length * 60) / 100));
			await waitForTime(page, length * 0.6, PATIENCE);
			const pause = page.getByRole("button", { name: "Pause" });
			if (await pause.isVisible())
				await pause.click();
			await page.locator("h1").click();
			await page.keyboard.press("Home");
			await page.waitForFunction(() => { const video = document.querySelector("video"); return video.currentTime < 0.1 && !video.seeking && video.readyState >= 2; }, null, { timeout: PATIENCE });
			await page.keyboard.press("Space");
			await waitForTime(page, 0.3, PATIENCE);
			assert.ok((await videoState(page)).time < length * 0.5);
		});

		await step("tags, and the tag is on the camera", async () => {
			await page.getByLabel("Category", { exact: true }).selectOption("Witness statement");
			await page.getByLabel("Case number").fill(`K-${size.width}-ü`);
			await page.getByLabel("Note").fill(note);
			await page.getByRole("button", { name: "Here" }).click();
			await page.getByText("Within 8 m.").waitFor();
			await page.getByRole("button", { name: "Save on the camera" }).click();
			await page.getByText(/^Saved on the camera, revision [1-9]/).waitFor({ timeout: PATIENCE });
			await checkScreen(page, "tagged");
			// Read anew from the camera: a page that has just been loaded knows nothing.
			await page.reload();
			await page.getByLabel("Case number").waitFor({ timeout: PATIENCE });
			assert.equal(await page.getByLabel("Case number").inputValue(), `K-${size.width}-ü`);
			assert.equal(await page.getByLabel("Note").inputValue(), note);
			assert.equal(await page.getByLabel("Position", { exact: true }).inputValue(), "59.32930, 18.06860");
			await page.getByRole("link", { name: "Recordings", exact: true }).click();
			await page.getByRole("searchbox").fill(note);
			await until(async () => (await cards(page).count()) >= 1, "the tag is found by the search");
			await page.getByRole("searchbox").fill("");
		});

		await step("records", async () => {
			const count = await cards(page).count();
			await page.getByRole("button", { name: "Start recording" }).click();
			await strip(page).getByText("Recording", { exact: true }).waitFor({ timeout: PATIENCE });
			await page.getByText("Recording now").waitFor({ timeout: PATIENCE });
			await page.getByRole("button", { name: "Stop recording" }).click();
			await strip(page).getByText("Ready", { exact: true }).waitFor({ timeout: PATIENCE });
			await until(async () => (await cards(page).count()) > count && (await page.getByText("Recording now").count()) === 0, "the new recording has ended and is listed", PATIENCE);
		});

		await step("shows the camera live", async () => {
			await page.getByRole("link", { name: "Live view" }).click();
			await waitForTime(page, 0.3, 2 * PATIENCE);
			const first = await videoState(page);
			await page.waitForFunction((frames) => document.querySelector("video").getVideoPlaybackQuality().totalVideoFrames > frames, first.frames, { timeout: PATIENCE });
			await checkScreen(page, "live");
			await page.getByRole("link", { name: "Recordings", exact: true }).click();
			await strip(page).getByText("The camera's Wi-Fi is on.").waitFor({ timeout: PATIENCE });
			await strip(page).getByText("The camera's Wi-Fi is on.").waitFor({ state: "detached", timeout: PATIENCE });
			await connected(page);
		});

		await context.test("nothing went wrong on the way", () => assert.deepEqual(page.complaints, []));
		await page.context().close();
	});
