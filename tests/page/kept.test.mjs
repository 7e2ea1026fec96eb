// What a browser keeps of what it has played: nothing. Chromium with a profile on the disk, all that it writes searched for bytes of the recording.
// Started by `run` after the flows, on the same daemons, with the same settings; the camera is paired.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launchProfile } from "./browser.mjs";
import { setting, waitForTime } from "./checks.mjs";

const url = setting("LANYARD_PAGE").replace(/\/$/, "");
const token = readFileSync(setting("LANYARD_TOKEN_FILE"), "utf8").trim();
const PATIENCE = 45_000;
const RUN = 32;

let folder, context, page, other;
/** What may be kept, from a server that does not mind: found, or the search is worth nothing. */
const kept = randomBytes(64 * 1024);
before(async () => {
	folder = mkdtempSync(join(tmpdir(), "lanyard-profile-"));
	context = await launchProfile(folder);
	page = await context.newPage();
	page.setDefaultTimeout(PATIENCE);
	other = createServer((request, response) => {
		const [type, body] = request.url === "/kept" ? ["video/mp4", kept] : ["text/html", "<title>other</title>"];
		response.writeHead(200, { "Content-Type": type, "Cache-Control": "max-age=3600" });
		response.end(body);
	});
	await new Promise((resolve) => other.listen(0, "127.0.0.1", resolve));
});
after(async () => {
	await context?.close();
	other?.close();
	rmSync(folder, { recursive: true, force: true });
});

async function api(path) {
	const response = await fetch(url + path, { headers: { Authorization: `Bearer ${token}` } });
	assert.equal(response.status, 200, path);
	return Buffer.from(await response.arrayBuffer());
}

/** Runs of bytes all over `data`, of which none can be anywhere by chance. */
function runs(data, count) {
	const found = [];
	for (let at = 0; at + RUN <= data.length; at += Math.max(RUN, Math.floor(data.length / count)))
		for (let from = at; from + RUN <= Math.min(data.length, at + 4096); from += RUN)
			if (new Set(data.subarray(from, from + RUN)).size > 24) {
				found.push(data.subarray(from, from + RUN));
				break;
			}
	assert.ok(found.length >= count / 2, `${found.length} runs of ${data.length} bytes`);
	return found;
}

function contents(file) {
	try {
		return readFileSync(file);
	} catch (error) {
		if (error.code !== "ENOENT") // gone since it was listed
			throw error;
		return Buffer.alloc(0);
	}
}

/** Files that Chromium has written, of whatever kind, in which one of these runs stands. */
function filesWith(wanted) {
	const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.path, entry.name));
	assert.ok(files.length > 10, "a profile");
	return files.filter((file) => {
		const data = contents(file);
		return wanted.some((run) => data.includes(run));
	});
}

test("a browser with a profile on the disk keeps nothing of what was played", async (steps) => {
	let footage, thumbnail;

	await steps.test("another server's bytes, which may be kept", async () => {
		await page.goto(`http://127.0.0.1:${other.address().port}/`);
		await page.evaluate(() => fetch("/kept").then((response) => response.arrayBuffer()));
	});

	await steps.test("the page plays a recording to its end", async () => {
		await page.goto(`${url}/#token=${token}`);
		await page.waitForFunction(() => document.querySelector("a.recording img")?.naturalWidth > 0);
		const id = (await page.locator("a.recording").last().getAttribute("href")).match(/[0-9a-f]{32}/)[0];
		thumbnail = runs(await api(`/api/recordings/${id}/thumbnail`), 8);
		await page.locator("a.recording").last().click();
		await page.getByRole("button", { name: "Play", exact: true }).first().click();
		await waitForTime(page, 0.5, PATIENCE);
		footage = runs(await api(`/api/recordings/${id}/media`), 64);
		await page.waitForFunction(() => document.querySelector("video").ended);

		// The page asks for all of it with `cache: "no-store"`. Others, an extension or a tab of its own, need not.
		await page.evaluate(async (id) => {
			const video = document.createElement("video");
			await new Promise((resolve, reject) => {
				video.oncanplaythrough = resolve;
				video.onerror = () => reject(new Error(video.error.message));
				video.src = `/api/recordings/${id}/media`;
			});
			for (const path of [`/api/recordings/${id}/thumbnail`, `/api/recordings/${id}/media`, "/api/status"]) {
				const response = await fetch(path, { cache: "default" });
				if (!response.ok || (await response.arrayBuffer()).byteLength === 0)
					throw new Error(`${path}: ${response.status}`);
			}
		}, id);
	});

	await steps.test("no storage is used", async () => {
		const used = await page.evaluate(async () => ({
			caches: await caches.keys(),
			databases: (await indexedDB.databases()).map(({ name }) => name),
			workers: (await navigator.serviceWorker.getRegistrations()).length,
		}));
		assert.deepEqual(used, { caches: [], databases: [], workers: 0 });
	});

	await steps.test("no file has any of it, while the browser runs and afterwards", async () => {
		const found = () => ({ footage: filesWith(footage), thumbnail: filesWith(thumbnail) });
		assert.deepEqual(found(), { footage: [], thumbnail: [] });
		await context.close();
		assert.equal(filesWith(runs(kept, 64)).length, 1, "what may be kept is found");
		assert.deepEqual(found(), { footage: [], thumbnail: [] });
	});
});
