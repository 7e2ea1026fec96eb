// Numbers and times as people read them. Pure.
//
// English words with 24-hour times whatever the browser's language: a page half in one language and half in another reads badly, and an
// hour without am or pm is never mistaken in a report.

const DAY_MS = 86_400_000;

export function bytes(count: number): string {
	if (count < 1000)
		return `${Math.max(0, Math.round(count))} B`;
	const units = ["kB", "MB", "GB", "TB"];
	let value = count;
	let unit = -1;
	do {
		value /= 1000;
		unit++;
	} while (value >= 999.5 && unit < units.length - 1);
	return `${value < 9.95 ? value.toFixed(1) : Math.round(value).toString()} ${units[unit]}`;
}

/** 0:07, 12:30, 1:02:03. */
export function clock(seconds: number): string {
	const whole = Math.max(0, Math.floor(Number.isFinite(seconds) ? seconds : 0));
	const s = String(whole % 60).padStart(2, "0");
	const m = Math.floor(whole / 60) % 60;
	const h = Math.floor(whole / 3600);
	return h > 0 ? `${h}:${String(m).padStart(2, "0")}:${s}` : `${m}:${s}`;
}

/** A recording shorter than a second still has a length. */
export function duration(ms: number): string {
	return clock(ms > 0 && ms < 1000 ? 1 : Math.round(ms / 1000));
}

/** "1 minute 7 seconds", for screen readers. */
export function spokenDuration(seconds: number): string {
	const whole = Math.max(0, Math.floor(Number.isFinite(seconds) ? seconds : 0));
	const parts: string[] = [];
	for (const [amount, word] of [[Math.floor(whole / 3600), "hour"], [Math.floor(whole / 60) % 60, "minute"], [whole % 60, "second"]] as const)
		if (amount > 0 || (word === "second" && parts.length === 0))
			parts.push(`${amount} ${word}${amount === 1 ? "" : "s"}`);
	return parts.join(" ");
}

/** "0.8 s", "12 s". */
export function stage(ms: number): string {
	return ms < 9950 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`;
}

function parts(us: number, options: Intl.DateTimeFormatOptions, timeZone?: string): string {
	return new Intl.DateTimeFormat("en-GB", { ...options, ...(timeZone ? { timeZone } : {}) }).format(new Date(us / 1000));
}

export function timeOfDay(us: number, timeZone?: string): string {
	return parts(us, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }, timeZone);
}

export function timeWithSeconds(us: number, timeZone?: string): string {
	return parts(us, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }, timeZone);
}

export function date(us: number, timeZone?: string): string {
	return parts(us, { day: "numeric", month: "short", year: "numeric" }, timeZone);
}

export function dateTime(us: number, timeZone?: string): string {
	return `${date(us, timeZone)}, ${timeWithSeconds(us, timeZone)}`;
}

/** "2025-11-27 14:03:22 UTC": the tooltip of every local time. */
export function utc(us: number): string {
	return `${new Date(us / 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Sortable day in local time, the key recordings are grouped by. */
export function dayKey(us: number, timeZone?: string): string {
	// From parts: the order and the marks of a language's dates change from one browser to the next.
	const found = new Intl.DateTimeFormat("en-GB", { year: "numeric", month: "2-digit", day: "2-digit", ...(timeZone ? { timeZone } : {}) })
		.formatToParts(new Date(us / 1000));
	return ["year", "month", "day"].map((type) => found.find((part) => part.type === type)?.value ?? "").join("-");
}

export function dayHeading(us: number, nowUs: number, timeZone?: string): string {
	const key = dayKey(us, timeZone);
	if (key === dayKey(nowUs, timeZone))
		return "Today";
	// A day with a clock change has 23 or 25 hours, so midday to midday is what a day back means.
	const [y, m, d] = dayKey(nowUs, timeZone).split("-").map(Number) as [number, number, number];
	const yesterday = new Date(Date.UTC(y, m - 1, d, 12) - DAY_MS).toISOString().slice(0, 10);
	if (key === yesterday)
		return "Yesterday";
	const thisYear = key.slice(0, 4) === String(y);
	const day = parts(us, { day: "numeric", month: "long", ...(thisYear ? {} : { year: "numeric" }) }, timeZone);
	return `${parts(us, { weekday: "long" }, timeZone)} ${day}`;
}

/** 0 to 4 bars; null stays null: an unknown strength is not a weak one. */
export function signalBars(rssi: number | null): number | null {
	if (rssi === null)
		return null;
	return [-90, -80, -70, -58].filter((floor) => rssi >= floor).length;
}

export function signalWord(rssi: number | null): string {
	const bars = signalBars(rssi);
	return bars === null ? "signal strength unknown" : (["very weak signal", "weak signal", "fair signal", "good signal", "strong signal"][bars] ?? "");
}

export function startReason(reason: string): string {
	const known: Readonly<Record<string, string>> = {
		"": "Not told",
		manual: "Button on the camera",
		button: "Button on the camera",
		companion: "From the companion",
	};
	if (known[reason] !== undefined)
		return known[reason];
	// A call that anybody can send started it.
	const unverified = /^signal:.*:unverified$/.test(reason) ? " (unverified)" : "";
	const words = reason.replace(/^signal:/, "").replace(unverified ? /:unverified$/ : "", "").replace(/[-_]+/g, " ").trim();
	const named = words.charAt(0).toUpperCase() + words.slice(1);
	return reason.startsWith("signal:") ? `Signal: ${words}${unverified}` : named;
}

export function utf8Length(value: string): number {
	return new TextEncoder().encode(value).length;
}

export function position(latitude: number, longitude: number): string {
	return `${latitude.toFixed(5)}, ${longitude.toFixed(5)}`;
}

/** How far the camera's clock is off, in words; null when nobody would care. */
export function clockSkew(cameraUs: number, nowUs: number): string | null {
	const seconds = Math.round((cameraUs - nowUs) / 1_000_000);
	const off = Math.abs(seconds);
	if (off < 5)
		return null;
	if (off >= 172_800)
		return "wrong date";
	const amount = off < 120 ? `${off} s` : off < 7200 ? `${Math.round(off / 60)} min` : `${Math.round(off / 3600)} h`;
	return `${amount} ${seconds > 0 ? "fast" : "slow"}`;
}
