// What must hold on every screen.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const MIN_TARGET = 44;

/** What `run` tells the tests through the environment. */
export const setting = (name) => process.env[name] ?? assert.fail(`${name} is not set; start this with tests/page/run`);

/** axe finds nothing serious or critical; nothing scrolls sideways; what is to be touched is large enough for a gloved finger. */
export async function checkScreen(page, name) {
	// Evaluated through the debugger, which the page's own script policy does not reach.
	await page.evaluate(`if (!window.axe) { ${axe} }`);
	const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
	const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
	assert.deepEqual(serious.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`), [], `${name}: axe`);

	const found = await page.evaluate((min) => {
		const small = [];
		for (const element of document.querySelectorAll("a[href], button, input, select, textarea")) {
			const box = element.getBoundingClientRect();
			const hidden = box.width === 0 || getComputedStyle(element).visibility === "hidden" || element.closest("dialog:not([open])");
			// A link in running text is as high as its line (WCAG 2.5.8 excepts it); its padding reaches over.
			if (!hidden && (box.height < min - 0.5 || box.width < min - 0.5))
				small.push(`${element.tagName} ${element.getAttribute("aria-label") ?? element.textContent.trim().slice(0, 30)} ${Math.round(box.width)}x${Math.round(box.height)}`);
		}
		return { small, wide: Math.max(0, document.documentElement.scrollWidth - innerWidth) };
	}, MIN_TARGET);
	assert.deepEqual(found.small, [], `${name}: targets smaller than ${MIN_TARGET} px`);
	assert.equal(found.wide, 0, `${name}: scrolls sideways`);
	assert.deepEqual(page.complaints, [], `${name}: errors on the console`);
}

/** Numbers of the <video> that is shown. */
export function videoState(page) {
	return page.evaluate(() => {
		const video = document.querySelector("video");
		return { time: video.currentTime, frames: video.getVideoPlaybackQuality().totalVideoFrames, paused: video.paused, duration: video.duration, error: video.error?.message ?? null };
	});
}

/** Waits until the video has gone on to `seconds` and pictures were decoded. */
export async function waitForTime(page, seconds, timeout = 30_000) {
	await page.waitForFunction((goal) => {
		const video = document.querySelector("video");
		return video && video.currentTime >= goal && video.getVideoPlaybackQuality().totalVideoFrames > 0;
	}, seconds, { timeout });
}

export async function until(condition, what, timeout = 15_000) {
	const deadline = Date.now() + timeout;
	while (!(await condition())) {
		assert.ok(Date.now() < deadline, `${what}: not within ${timeout} ms`);
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
}
