// Chromium as every part of these tests starts it.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const FLAGS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export const WIDTHS = { phone: { width: 390, height: 844 }, desk: { width: 1280, height: 860 } };

const OPTIONS = {
	executablePath: process.env.LANYARD_CHROMIUM ?? "/usr/bin/chromium",
	headless: true,
	// Chromium refuses to sandbox for root, which test machines often are.
	args: process.getuid?.() === 0 ? [...FLAGS, "--no-sandbox"] : FLAGS,
};

export async function launch() {
	return chromium.launch(OPTIONS);
}

/** As a person has it, with a profile on the disk; everything that it writes is in this folder. Returns a context. */
export async function launchProfile(folder) {
	const at = (name) => join(folder, name);
	for (const name of ["profile", "home", "tmp"])
		mkdirSync(at(name));
	return chromium.launchPersistentContext(at("profile"), { ...OPTIONS, env: { ...process.env, HOME: at("home"), XDG_CACHE_HOME: at("home"), XDG_CONFIG_HOME: at("home"), TMPDIR: at("tmp") } });
}

/** A fresh page of one width; what the page complains about ends up in `page.complaints`. */
export async function openPage(browser, size, options = {}) {
	const context = await browser.newContext({
		viewport: size,
		deviceScaleFactor: options.scale ?? 1,
		hasTouch: size.width < 600,
		isMobile: size.width < 600,
		colorScheme: options.scheme ?? "light",
		reducedMotion: options.reducedMotion ?? "reduce",
		locale: "en-GB",
		...(options.position ? { geolocation: options.position, permissions: ["geolocation"] } : {}),
	});
	const page = await context.newPage();
	page.complaints = [];
	page.on("pageerror", (error) => page.complaints.push(String(error)));
	page.on("console", (message) => {
		// A refused request is the tests' own doing; everything else the console calls an error is the page's.
		if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
			page.complaints.push(message.text());
	});
	return page;
}
