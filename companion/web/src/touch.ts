// The camera in the person's hand, found by its NFC tag. Web NFC exists in Chrome on Android only; elsewhere nothing of this is shown.
import { signal } from "@preact/signals";
import { readTag, type TagRecord, type TouchedCamera } from "./state/tag.ts";

interface Reading extends Event {
	readonly message: { readonly records: readonly TagRecord[] };
}

interface Reader extends EventTarget {
	scan(options: { signal: AbortSignal }): Promise<void>;
}

type TouchState = "idle" | "waiting";

export const touchState = signal<TouchState>("idle");
export const touched = signal<TouchedCamera | null>(null);
/** Reason code of the last try, until the next one. */
export const touchProblem = signal<string | null>(null);

let waiting: AbortController | null = null;

function readerClass(): (new () => Reader) | undefined {
	return (globalThis as { NDEFReader?: new () => Reader }).NDEFReader;
}

export function canTouch(): boolean {
	return window.isSecureContext && readerClass() !== undefined;
}

function end(problem: string | null): void {
	waiting?.abort();
	waiting = null;
	touchState.value = "idle";
	touchProblem.value = problem;
}

/** Waits for a tag until one was read or stopTouch was called. Must begin with the person's press of a button: the browser asks. */
export async function startTouch(): Promise<void> {
	const Tag = readerClass();
	if (!Tag || waiting)
		return;
	const mine = waiting = new AbortController();
	touchState.value = "waiting";
	touchProblem.value = null;
	touched.value = null;
	try {
		const reader = new Tag();
		reader.addEventListener("reading", (event) => {
			if (waiting !== mine)
				return;
			const found = readTag((event as Reading).message.records);
			end(typeof found === "string" ? found : null);
			if (typeof found !== "string")
				touched.value = found;
		}, { signal: mine.signal });
		// Read, but not understood: moved away too early, or of a kind the phone does not know.
		reader.addEventListener("readingerror", () => { if (waiting === mine) end("tag-unreadable"); }, { signal: mine.signal });
		await reader.scan({ signal: mine.signal });
	} catch (error) {
		if (waiting === mine)
			end((error as DOMException).name === "NotAllowedError" ? "nfc-denied" : "nfc-unavailable");
	}
}

export function stopTouch(): void {
	end(null);
}

export function forgetTouched(): void {
	touched.value = null;
	touchProblem.value = null;
}
