// Takes the picture of the README from a running companion: a paired camera's page playing a recording.
//
//   LANYARD_TOKEN_FILE=FILE node screenshot.mjs URL OUT.png [--home | --phone]
//
// --home: the list instead of the player; --phone: 390 px wide. The page stays as it was: nothing is tagged or changed.
import { readFileSync } from "node:fs";
import { launch, openPage, WIDTHS } from "./browser.mjs";

const [url, out] = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
if (!url || !out || !process.env.LANYARD_TOKEN_FILE) {
	console.error("screenshot: LANYARD_TOKEN_FILE=FILE node screenshot.mjs URL OUT.png [--home | --phone]");
	process.exit(2);
}
const token = readFileSync(process.env.LANYARD_TOKEN_FILE, "utf8").trim();
const patience = 90_000;
const browser = await launch();
try {
	const page = await openPage(browser, process.argv.includes("--phone") ? WIDTHS.phone : { width: 1280, height: 900 }, { scale: 2 });
	page.setDefaultTimeout(patience);
	await page.goto(`${url.replace(/\/$/, "")}/#token=${token}`);
	await page.getByRole("region", { name: "Camera", exact: true }).getByText("Connected", { exact: true }).waitFor();
	await page.locator("a.recording").first().waitFor();
	if (process.argv.includes("--home")) {
		// All thumbnails in sight are there, or will never be.
		await page.waitForFunction(() => document.querySelectorAll(".thumb.waiting").length === 0);
	} else {
		// A tagged one shows the form at work; else the newest that has ended.
		const cards = page.locator("a.recording", { hasNotText: "Not ended" });
		const tagged = cards.filter({ hasNotText: "Not tagged" });
		await ((await tagged.count()) > 0 ? tagged : cards).first().click();
		await page.getByRole("button", { name: "Play", exact: true }).first().click();
		await page.waitForFunction(() => {
			const video = document.querySelector("video");
			return video && video.currentTime > 1.5 && video.getVideoPlaybackQuality().totalVideoFrames > 0;
		});
	}
	await page.screenshot({ path: out, animations: "disabled" });
	if (page.complaints.length > 0)
		throw new Error(page.complaints.join("\n"));
} finally {
	await browser.close();
}
