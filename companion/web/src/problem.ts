// Something that did not work, in the words a person reads.
import table from "reason-table";

/** Codes that only HTTP or the page itself knows; everything else comes from base/reason.h. */
const local: Readonly<Record<string, string>> = {
	"companion-gone": "The companion program on this device does not answer. It is tried again on its own.",
	"signed-out": "This page is no longer signed in. Open it again from the companion.",
	"format-unsupported": "This browser cannot play this recording's format.",
	"cut-off": "The recording stopped arriving before its end.",
	"live-ended": "The camera ended the live view.",
	"nfc-denied": "This browser may not read tags. Allow NFC for this page in the browser's settings.",
	"nfc-unavailable": "Tags cannot be read: NFC is off, or this phone has none.",
	"position-denied": "This browser may not read the position. Allow it in the browser's settings, or type it.",
	"position-unavailable": "The position could not be found. Move to open sky, or type it.",
};

export function sentence(code: string): string {
	return local[code] ?? table[code] ?? `Something went wrong (${code}).`;
}

export class Problem extends Error {
	readonly reason: string;
	/** HTTP status, 0 when there was no answer. */
	readonly status: number;

	constructor(reason: string, message?: string, status = 0) {
		super(message || sentence(reason));
		this.name = "Problem";
		this.reason = reason;
		this.status = status;
	}
}

export function problemFrom(error: unknown): Problem {
	return error instanceof Problem ? error : new Problem("internal", error instanceof Error ? error.message : undefined);
}
