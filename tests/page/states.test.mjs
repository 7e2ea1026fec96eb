// Every screen in every state, at both widths, against a stand-in for companiond (dev-server.mjs). That the real daemons behave like the
// stand-in is shown by flows.test.mjs.
import assert from "node:assert/strict";
import { after, before, describe, it as test } from "node:test";
import { launch, openPage, WIDTHS } from "./browser.mjs";
import { checkScreen, until, videoState, waitForTime } from "./checks.mjs";
import { startDevServer } from "./dev-server.mjs";

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

/** A fresh stand-in and a page on it, signed in. */
async function visit(context, size, options = {}, work) {
	const server = await startDevServer({ fast: true, ...options.server });
	const page = await openPage(browser, size, options.page);
	const hosts = new Set();
	page.on("request", (request) => { if (!request.url().startsWith("blob:")) hosts.add(new URL(request.url()).origin); });
	try {
		await options.early?.(page);
		await page.goto(options.bare ? server.address : `${server.address}/#token=${server.token}${options.then ?? ""}`);
		await work({ page, server });
		assert.deepEqual([...hosts], [server.address], "everything comes from the companion itself");
	} finally {
		await page.context().close();
		server.close();
	}
}

/** Web NFC as a phone has it: the test lays tags with window.layTag, and sees whether the antenna is on. */
const withReader = { early: (page) => page.addInitScript(() => {
	window.scans = [];
	window.NDEFReader = class extends EventTarget {
		async scan({ signal }) {
			if (window.refuse)
				throw new DOMException("refused", window.refuse);
			window.scans.push({ reader: this, signal });
		}
	};
	const view = (bytes) => new DataView(Uint8Array.from(bytes).buffer);
	window.layTag = (...records) => {
		const event = new Event("reading");
		event.message = { records: records.map(({ recordType, data }) => ({ recordType, encoding: "utf-8", data: view(typeof data === "string" ? new TextEncoder().encode(data) : data) })) };
		for (const { reader, signal } of window.scans)
			if (!signal.aborted)
				reader.dispatchEvent(event);
	};
	window.listening = () => window.scans.filter(({ signal }) => !signal.aborted).length;
}) };
const KEY = "9f2c11ab77e04c1d03be5a92e6f4d081".match(/../g).map((digits) => parseInt(digits, 16));
const tagOf = (key) => [{ recordType: "text", data: "Lanyard One LY1-000042" }, { recordType: "url", data: "urn:lanyard:camera:LY1-000042" },
	...(key ? [{ recordType: "lanyard.org:key", data: key }] : [])];
const layTag = (page, records) => page.evaluate((tag) => window.layTag(...tag), records);

const paired = { server: { paired: true } };
const strip = (page) => page.getByRole("region", { name: "Camera", exact: true });
const saysNowhere = async (page, text) => assert.equal(await page.getByText(text, { exact: true }).count(), 0, `"${text}" must not be said`);
const calls = async (server, key) => (await server.control("log")).log.filter((entry) => entry === key).length;

// Two at a time: most of a test is waiting for a browser that waits for a test.
describe("the page", { concurrency: 2 }, () => {
	for (const [name, size] of Object.entries(WIDTHS)) {
		const at = `${name} ${size.width} px`;

		test(`${at}: without a token, a page that says how to open it`, (context) => visit(context, size, { bare: true }, async ({ page }) => {
			await page.getByText("lanyard companion open").waitFor();
			await checkScreen(page, "signed out");
		}));

		test(`${at}: the token leaves the address bar, a wrong one is refused`, (context) => visit(context, size, paired, async ({ page, server }) => {
			await strip(page).getByText("Connected", { exact: true }).waitFor();
			assert.equal(page.url(), `${server.address}/`);
			assert.equal(await page.evaluate(() => history.length), 2, "no entry with the token to go back to");
			await page.context().clearCookies();
			await page.goto(`${server.address}/?again#token=${"0".repeat(64)}`);
			await page.getByText("was not accepted").waitFor();
			await saysNowhere(page, "Connected");
		}));

		test(`${at}: pairs`, (context) => visit(context, size, {}, async ({ page, server }) => {
			await page.getByRole("heading", { name: /Hold Event and Function together for 2 seconds/ }).waitFor();
			await until(() => calls(server, "POST /api/scan"), "it looks for cameras by itself");
			await page.getByText("No camera is waiting").waitFor();
			await checkScreen(page, "nothing near");
			await server.control("press");
			const buttons = page.getByRole("button", { name: /^Pair with/ });
			await buttons.first().waitFor();
			assert.equal(await buttons.first().getAttribute("aria-label"), "Pair with LY-0042-7F3A", "the nearest first");
			assert.equal(await page.getByText("Strong signal").count(), 1);
			assert.equal(await page.getByText("In range").count(), 1, "a strength nobody measured is not shown as a weak one");
			await checkScreen(page, "cameras near");
			await buttons.first().click();
			await page.locator("[aria-live=assertive]").getByText("Code 0 4 2 1 3 7").waitFor({ state: "attached" });
			await page.getByText("The camera shows or speaks six digits. Are they the same?").waitFor();
			await checkScreen(page, "compare");
			await page.getByRole("button", { name: "They are the same" }).click();
			await page.getByText("Now press Event on the camera.").waitFor();
			assert.equal(await page.getByRole("button", { name: "They are the same" }).count(), 0, "answered once");
			assert.equal(await page.locator(".code").count(), 1, "the code stays in sight");
			await checkScreen(page, "confirmed");
			await server.control("confirm");
			await page.getByText("Paired with LY-0042-7F3A.").waitFor();
			await strip(page).getByText("Connected", { exact: true }).waitFor();
		}));

		test(`${at}: the camera in the hand, and no other, is paired`, (context) => visit(context, size, withReader, async ({ page, server }) => {
			const touch = page.getByRole("region", { name: "The camera in your hand" });
			await touch.getByText("Hold this phone to the camera's tag, and only that camera").waitFor();
			await checkScreen(page, "touch");
			await touch.getByRole("button", { name: "Touch the camera" }).click();
			await touch.getByRole("button", { name: "Stop reading" }).waitFor();
			await checkScreen(page, "touch waiting");
			assert.equal(await page.evaluate(() => window.listening()), 1);
			await layTag(page, tagOf(KEY));
			await touch.getByText("LY1-000042").waitFor();
			await touch.getByText("(Lanyard One)").waitFor();
			assert.equal(await page.evaluate(() => window.listening()), 0, "the antenna is off again");
			await checkScreen(page, "touched");
			await server.control("press");
			await page.getByRole("button", { name: "Pair with LY-0107-22C0" }).click();
			await page.getByRole("alert").getByText("another key than the one you touched").waitFor();
			await checkScreen(page, "another camera");
			await server.control("press");
			await page.getByRole("button", { name: "Pair with LY-0042-7F3A" }).click();
			await page.getByText("It has the key of the camera that you touched.").waitFor();
			assert.equal(await page.getByRole("button", { name: "They are the same" }).count(), 0, "nothing to answer at this end");
			await checkScreen(page, "touched and confirmed");
			await server.control("confirm");
			await page.getByText("Paired with LY-0042-7F3A.").waitFor();
		}));

		test(`${at}: tags that are none, and a phone that may not read`, (context) => visit(context, size, withReader, async ({ page, server }) => {
			const touch = page.getByRole("region", { name: "The camera in your hand" });
			const again = touch.getByRole("button", { name: "Touch the camera" });
			for (const [records, text] of [[[{ recordType: "url", data: "https://example.com/" }], "none of a camera"], [[], "no message on the tag"],
				[[...tagOf(null), ...tagOf(null)], "is broken"], [[{ recordType: "url", data: "urn:lanyard:camera:<img src=x>" }], "is broken"]]) {
				await again.click();
				await touch.getByRole("button", { name: "Stop reading" }).waitFor();
				await layTag(page, records);
				await touch.getByText(text).waitFor();
			}
			await checkScreen(page, "no camera's tag");
			for (const [name, text] of [["NotAllowedError", "may not read tags"], ["NotSupportedError", "NFC is off"]]) {
				await page.evaluate((reason) => { window.refuse = reason; }, name);
				await again.click();
				await touch.getByText(text).waitFor();
			}
			await page.evaluate(() => { window.refuse = undefined; });
			await again.click();
			await touch.getByRole("button", { name: "Stop reading" }).click();
			await again.waitFor();
			assert.equal(await page.evaluate(() => window.listening()), 0);
			// A tag without a key: the codes are compared.
			await again.click();
			await touch.getByRole("button", { name: "Stop reading" }).waitFor();
			await layTag(page, tagOf(null));
			await touch.getByText("compare the codes").waitFor();
			await server.control("press");
			await page.getByRole("button", { name: "Pair with LY-0042-7F3A" }).click();
			await page.getByRole("button", { name: "They are the same" }).waitFor();
		}));

		test(`${at}: without Web NFC nothing speaks of tags`, (context) => visit(context, size, {}, async ({ page }) => {
			await page.getByRole("heading", { name: "Cameras near you" }).waitFor();
			assert.equal(await page.getByRole("button", { name: /Touch/ }).count(), 0);
			await saysNowhere(page, "The camera in your hand");
		}));

		for (const [reason, text] of [["code-rejected", "The codes were not confirmed."], ["pairing-expired", "The pairing window has ended."], ["commitment-mismatch", "someone may be in between"]])
			test(`${at}: pairing fails with ${reason}`, (context) => visit(context, size, {}, async ({ page, server }) => {
				await page.getByText("Looking", { exact: true }).waitFor();
				await server.control("press");
				await page.getByRole("button", { name: /^Pair with/ }).first().click();
				await page.getByText("Are they the same?").waitFor();
				await server.control("reject", { reason });
				await page.getByRole("alert").getByText(text).waitFor();
				await checkScreen(page, reason);
				await page.getByRole("button", { name: "Look again" }).click();
				await page.getByText("Looking", { exact: true }).waitFor();
				await saysNowhere(page, text);
			}));

		test(`${at}: pairing stopped by the person is no failure`, (context) => visit(context, size, {}, async ({ page, server }) => {
			await page.getByText("Looking", { exact: true }).waitFor();
			await server.control("press");
			await page.getByRole("button", { name: /^Pair with/ }).first().click();
			await page.getByRole("button", { name: "They differ, stop" }).click();
			await page.getByText("Nothing was changed on either side.").waitFor();
			assert.equal(await page.getByRole("alert").count(), 0);
		}));

		test(`${at}: no Bluetooth`, (context) => visit(context, size, {}, async ({ page, server }) => {
			await page.getByText("Looking", { exact: true }).waitFor();
			await server.control("status", { bluetooth: "adapter-gone", state: "idle" });
			await page.getByText("The Bluetooth adapter is missing.").waitFor();
			assert.ok(await page.getByRole("button", { name: "Look for cameras" }).isDisabled());
			await checkScreen(page, "no Bluetooth");
		}));

		test(`${at}: the list, its thumbnails, filters, search and older pages`, (context) => visit(context, size, paired, async ({ page, server }) => {
			const cards = page.locator("a.recording");
			await page.locator(".thumb img").first().waitFor();
			assert.equal(await cards.count(), 24);
			await checkScreen(page, "list");
			await page.getByRole("button", { name: "Tagged", exact: true }).click();
			assert.equal(await cards.count(), 2);
			await page.getByRole("searchbox").fill("k-4711 tail");
			assert.equal(await cards.count(), 1);
			await page.getByText("1 of 24 read").waitFor();
			await page.getByRole("searchbox").fill("nothing like it");
			await page.getByText("None of the 24 recordings read so far fits.").waitFor();
			await checkScreen(page, "nothing found");
			await page.getByRole("searchbox").fill("");
			await page.getByRole("button", { name: "All", exact: true }).click();
			await page.getByRole("button", { name: "Read older recordings" }).click();
			await page.waitForFunction(() => document.querySelectorAll("a.recording").length === 34);
			assert.equal(await page.getByRole("button", { name: "Read older recordings" }).count(), 0);
			const time = page.locator("a.recording time").first();
			assert.match(await time.getAttribute("title"), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/);
			await server.control("recording", { started_us: Date.now() * 1000, state: "active", duration_ms: 0, size: 0, thumbnail: false });
			await page.getByText("Recording now").waitFor();
		}));

		test(`${at}: starting and stopping a recording`, (context) => visit(context, size, paired, async ({ page, server }) => {
			await page.getByRole("button", { name: "Start recording" }).click();
			await strip(page).getByText("Recording", { exact: true }).waitFor();
			await page.getByText("Recording now").waitFor();
			await checkScreen(page, "recording");
			await server.control("refuse", { "POST /api/record": { status: 403, reason: "not-permitted", message: "The agency's policy does not allow this." } });
			await page.getByRole("button", { name: "Stop recording" }).click();
			await page.getByText("The agency's policy does not allow this.").waitFor();
			await strip(page).getByText("Recording", { exact: true }).waitFor();
			await checkScreen(page, "refused");
		}));

		test(`${at}: a session that is gone is never called connected`, (context) => visit(context, size, paired, async ({ page, server }) => {
			await strip(page).getByText("Connected", { exact: true }).waitFor();
			for (const [state, reason, text] of [["connecting", "link-failed", "The radio connection was lost."], ["paired", "camera-not-found", "No such camera is near."], ["paired", null, "The camera is not connected."]]) {
				await server.control("status", { state, reason });
				await strip(page).getByText(text).waitFor();
				await saysNowhere(page, "Connected");
				await saysNowhere(page, "78 %");
				assert.ok(await page.getByRole("button", { name: "Start recording" }).isDisabled());
			}
			await checkScreen(page, "not connected");
			await server.control("status", { state: "live", reason: null });
			await strip(page).getByText("Connected", { exact: true }).waitFor();
		}));

		test(`${at}: companiond is gone, and comes back`, (context) => visit(context, size, paired, async ({ page, server }) => {
			await page.locator(".thumb img").first().waitFor();
			await server.control("drop");
			await page.getByRole("alert").getByText("The companion is not answering.").waitFor();
			await strip(page).getByText("Unknown").first().waitFor();
			await saysNowhere(page, "Connected");
			await checkScreen(page, "offline");
			await server.control("back");
			await strip(page).getByText("Connected", { exact: true }).waitFor();
			await saysNowhere(page, "The companion is not answering.");
		}));

		test(`${at}: plays on demand, seeks, and closes the channel`, (context) => visit(context, size, { server: { paired: true, manualWifi: true } }, async ({ page, server }) => {
			await page.locator("a.recording").nth(1).click();
			const play = page.getByRole("button", { name: "Play", exact: true });
			await play.first().waitFor();
			await checkScreen(page, "player");
			assert.equal(await calls(server, "POST /api/wifi"), 0, "looking at a recording opens nothing");
			await play.first().click();
			const wifi = (mode, stages) => server.control("status", { wifi: { mode, reason: null, stages } });
			const stage = (title, state) => page.getByRole("listitem").filter({ hasText: `${title}, ${state}` }).waitFor();
			await stage("The camera switches its Wi-Fi on", "in progress");
			await wifi("joining", { up_ms: 1840 });
			await stage("The camera switches its Wi-Fi on", "done1.8 s");
			await stage("This device joins it", "in progress");
			await checkScreen(page, "opening");
			await wifi("joining", { up_ms: 1840, join_ms: 1210 });
			await stage("The camera opens the video channel", "in progress");
			await wifi("media-ready", { up_ms: 1840, join_ms: 1210, media_ms: 640 });
			await waitForTime(page, 1);
			await checkScreen(page, "playing");
			assert.equal((await videoState(page)).duration, 40, "the length is known from the list");

			await page.locator("h1").click();
			await page.keyboard.press("Space");
			await page.waitForFunction(() => document.querySelector("video").paused);
			const { time } = await videoState(page);
			await page.keyboard.press("ArrowRight");
			await page.waitForFunction((goal) => Math.abs(document.querySelector("video").currentTime - goal) < 0.2, time + 5);
			await page.keyboard.press(".");
			await page.waitForFunction((goal) => document.querySelector("video").currentTime > goal, time + 5.02);
			const slider = page.getByRole("slider", { name: "Position in the recording" });
			await slider.fill("33");
			await page.waitForFunction(() => { const video = document.querySelector("video"); return video.currentTime === 33 && !video.seeking; });
			await page.keyboard.press("Space");
			await page.getByRole("button", { name: "Pause" }).waitFor();
			await waitForTime(page, 34);
			assert.match(await slider.getAttribute("aria-valuetext"), /^3\d seconds of 40 seconds$/);
			await slider.fill("2");
			await waitForTime(page, 2.5);
			assert.ok((await videoState(page)).time < 20);
			await slider.fill("39");
			await page.getByRole("button", { name: "Play again" }).waitFor();

			await page.getByRole("link", { name: "Recordings", exact: true }).click();
			await until(() => calls(server, "DELETE /api/wifi"), "the channel is closed after leaving", 20_000);
		}));

		test(`${at}: the channel is lost while playing, and playing goes on where it was`, (context) => visit(context, size, paired, async ({ page, server }) => {
			await page.locator("a.recording").nth(1).click();
			await page.getByRole("button", { name: "Play", exact: true }).first().click();
			await waitForTime(page, 2);
			await server.control("status", { wifi: { mode: "off", reason: "join-lost", stages: {} } });
			await page.getByText("The Wi-Fi connection was lost.").waitFor();
			await checkScreen(page, "channel lost");
			await page.getByRole("button", { name: "Try again" }).click();
			await waitForTime(page, 2.5);
			assert.ok((await videoState(page)).time < 12);
		}));

		test(`${at}: the channel does not come up`, (context) => visit(context, size, paired, async ({ page, server }) => {
			await server.control("refuse", { "POST /api/wifi": { status: 403, reason: "not-permitted", message: "The agency's policy does not allow this." } });
			await page.locator("a.recording").nth(1).click();
			await page.getByRole("button", { name: "Play", exact: true }).first().click();
			await page.getByRole("alert").getByText("The agency's policy does not allow this.").waitFor();
		}));

		test(`${at}: live view`, (context) => visit(context, size, paired, async ({ page, server }) => {
			await page.getByRole("link", { name: "Live view" }).click();
			await waitForTime(page, 1);
			await page.locator(".live-badge").waitFor();
			await checkScreen(page, "live");
			await server.control("status", { wifi: { mode: "off", reason: "session-lost", stages: {} } });
			await page.getByText("The Bluetooth session ended, and the Wi-Fi with it.").waitFor();
		}));

		test(`${at}: tags`, (context) => visit(context, size, { ...paired, page: { position: { latitude: 59.33, longitude: 18.07, accuracy: 12 } } }, async ({ page, server }) => {
			await page.locator("a.recording").first().click();
			await page.getByLabel("Category", { exact: true }).selectOption("Another, in my words");
			await page.getByLabel("Category in your words").fill("Lost dog");
			await page.getByLabel("Case number").fill("K-1");
			await page.getByLabel("Note").fill("å".repeat(129));
			await page.getByLabel("Position", { exact: true }).fill("somewhere");
			await page.getByRole("button", { name: "Save on the camera" }).click();
			await page.getByText("Too long by 2 characters").waitFor();
			await page.getByText("Not a position.").waitFor();
			assert.equal(await page.evaluate(() => document.activeElement.id), "tag-note", "the first mistake has the focus");
			await checkScreen(page, "mistakes");
			assert.equal((await server.control("log")).log.filter((entry) => entry.startsWith("PUT")).length, 0);

			await page.getByLabel("Note").fill("Found at the station");
			await page.getByRole("button", { name: "Here" }).click();
			await page.getByText("Within 12 m.").waitFor();
			assert.equal(await page.getByLabel("Position", { exact: true }).inputValue(), "59.33000, 18.07000");
			await page.getByRole("link", { name: "Recordings", exact: true }).click();
			await page.locator("a.recording").first().click();
			assert.equal(await page.getByLabel("Note").inputValue(), "Found at the station", "what was typed is still there");

			await server.control("refuse", { "PUT /api/recordings/ID/tag": { status: 507, reason: "disk-full", message: "The camera's storage is full. Dock the camera to offload it." } });
			await page.getByRole("button", { name: "Save on the camera" }).click();
			await page.getByText("The camera's storage is full.").waitFor();
			assert.equal(await page.getByText("Saved on the camera").count(), 0);
			await checkScreen(page, "not saved");
			await server.control("refuse", {});
			await page.getByRole("button", { name: "Save on the camera" }).click();
			await page.getByText("Saved on the camera, revision 1").waitFor();
			await checkScreen(page, "saved");
			const { recordings } = await server.control("log");
			assert.deepEqual(recordings[0].tag, { category: "Lost dog", case_number: "K-1", note: "Found at the station", latitude: 59.33, longitude: 18.07, revision: 1 });

			await page.getByLabel("Note").fill("mine");
			await server.control("recording", { id: recordings[0].id, tag: { ...recordings[0].tag, note: "theirs", revision: 2 } });
			await page.getByText("The camera has a newer tag, revision 2.").waitFor();
			await page.getByRole("button", { name: "Show the camera's instead" }).click();
			assert.equal(await page.getByLabel("Note").inputValue(), "theirs");
		}));

		test(`${at}: the camera's particulars, and forgetting it`, (context) => visit(context, size, paired, async ({ page, server }) => {
			await page.getByRole("button", { name: "LY-0042-7F3A" }).click();
			await page.getByText("9f2c-11ab").waitFor();
			await checkScreen(page, "this camera");
			await page.getByRole("button", { name: "Forget this camera" }).click();
			await checkScreen(page, "are you sure");
			await page.getByRole("button", { name: "Keep it" }).click();
			assert.equal(await calls(server, "POST /api/forget"), 0);
			await page.getByRole("button", { name: "Forget this camera" }).click();
			await page.getByRole("button", { name: "Forget it" }).click();
			await page.getByRole("heading", { name: "Pair a camera" }).waitFor();
		}));
	}

	test("dark: the colours keep their contrast", (context) => visit(context, WIDTHS.desk, { ...paired, page: { scheme: "dark" } }, async ({ page, server }) => {
		await page.locator(".thumb img").first().waitFor();
		await checkScreen(page, "list");
		await page.locator("a.recording").nth(1).click();
		await page.getByRole("button", { name: "Play", exact: true }).first().click();
		await waitForTime(page, 0.5);
		await checkScreen(page, "playing");
		await server.control("status", { camera: null, state: "idle" });
		await page.getByRole("heading", { name: "Pair a camera" }).waitFor();
		await checkScreen(page, "pair");
	}));

	test("by keyboard alone: from the list to a saved tag", (context) => visit(context, WIDTHS.desk, paired, async ({ page }) => {
		await page.locator("a.recording").first().waitFor();
		const focusOn = async (locator, what) => {
			for (let presses = 0; presses < 40; presses++) {
				if (await locator.evaluate((element) => element === document.activeElement))
					return;
				await page.keyboard.press("Tab");
			}
			assert.fail(`${what} is not reached by Tab`);
		};
		await focusOn(page.locator("a.recording").first(), "the first recording");
		assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), "none", "the focus is seen");
		await page.keyboard.press("Enter");
		await page.locator("h1").waitFor();
		await page.waitForFunction(() => document.activeElement.tagName === "H1", null, { timeout: 5_000 });
		await focusOn(page.getByLabel("Case number"), "the case number");
		await page.keyboard.type("K-77");
		await page.keyboard.press("Enter");
		await page.getByText("Saved on the camera, revision 1").waitFor();
	}));

	test("nothing moves for those who asked for that, but the sign that it works", (context) => visit(context, WIDTHS.desk, {}, async ({ page, server }) => {
		await server.control("press");
		await page.getByRole("button", { name: /^Pair with/ }).first().waitFor();
		const moving = await page.evaluate(() => document.getAnimations().filter((animation) => animation.playState === "running").map((animation) => animation.animationName));
		assert.deepEqual([...new Set(moving)].filter((animation) => animation !== "turn"), []);
	}));

	test("paused for a minute, the camera's radio goes off and playing goes on where it was", (context) => visit(context, WIDTHS.desk, { ...paired, early: (page) => page.clock.install() }, async ({ page, server }) => {
		await page.locator("a.recording").nth(1).click();
		await page.getByRole("button", { name: "Play", exact: true }).first().click();
		await waitForTime(page, 1);
		await page.getByRole("button", { name: "Pause" }).click();
		// The minute begins when the page has seen the pause, which an effect after its next frame does.
		await page.getByRole("button", { name: "Play", exact: true }).first().waitFor();
		await page.clock.runFor(1000);
		assert.equal(await calls(server, "DELETE /api/wifi"), 0);
		await page.clock.fastForward(60_000);
		await page.getByText("Paused for a minute").waitFor();
		await until(() => calls(server, "DELETE /api/wifi"), "the channel is closed");
		await page.getByRole("button", { name: /^Go on at/ }).click();
		await waitForTime(page, 1.5);
	}));

	test("video that was still on its way when the camera's radio goes to rest is no failure", (context) => visit(context, WIDTHS.desk, { ...paired, early: (page) => page.clock.install() }, async ({ page }) => {
		await page.locator("a.recording").nth(1).click();
		await page.getByRole("button", { name: "Play", exact: true }).first().click();
		await waitForTime(page, 1);
		await page.getByRole("button", { name: "Pause" }).click();
		await page.getByRole("button", { name: "Play", exact: true }).first().waitFor();
		let waiting = null;
		await page.route("**/media", (route) => { waiting = route; });
		await page.getByRole("slider").fill("30");
		await until(() => waiting, "the page asks for what is there");
		await page.route("**/api/wifi", async (route) => {
			await waiting.fulfill({ status: 409, json: { reason: "wifi-off", message: "The camera's Wi-Fi is off." } });
			await route.continue();
		});
		await page.clock.runFor(1000);
		const closed = page.waitForResponse((response) => response.request().method() === "DELETE");
		// Stopped at that moment: the page has not tidied up when the answer comes.
		await page.clock.pauseAt(await page.evaluate(() => Date.now()) + 61_000);
		await closed;
		await page.getByText("Paused for a minute").waitFor();
		await saysNowhere(page, "Playing stopped");
	}));

	test("a companiond that hangs without closing is noticed", (context) => visit(context, WIDTHS.desk, { ...paired, early: (page) => page.clock.install() }, async ({ page }) => {
		await strip(page).getByText("Connected", { exact: true }).waitFor();
		await page.route("**/api/status", () => undefined);
		await page.clock.runFor(20_000);
		await page.getByText("The companion is not answering.").waitFor();
		await saysNowhere(page, "Connected");
	}));

	test("what a broken stream did not tell is read when it is back", (context) => visit(context, WIDTHS.desk, paired, async ({ page, server }) => {
		await page.locator("a.recording").first().waitFor();
		await server.control("miss", { started_us: Date.now() * 1000, tag: { category: "Witness statement", case_number: "K-4799-25", note: "", latitude: null, longitude: null, revision: 1 } });
		await page.locator("a.recording").filter({ hasText: "K-4799-25" }).waitFor();
		await strip(page).getByText("Connected", { exact: true }).waitFor();
	}));

	test("only what is watched crosses the radio", (context) => visit(context, WIDTHS.desk, paired, async ({ page }) => {
		let bytes = 0;
		page.on("response", async (response) => {
			if (response.url().endsWith("/media"))
				bytes += Number(response.headers()["content-length"]);
		});
		await page.locator("a.recording").nth(1).click();
		await page.getByRole("slider").fill("30");
		await page.getByRole("button", { name: "Play", exact: true }).first().click();
		await waitForTime(page, 30.5);
		const { time } = await videoState(page);
		assert.ok(time < 35, `it begins where it was told to: ${time}`);
		assert.ok(bytes > 0 && bytes < 1_700_000, `${bytes} bytes for the last ten of forty seconds`);
	}));
});
