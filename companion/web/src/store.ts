// All that the screens show, as signals, and the link to companiond that keeps it true.
//
// The rule behind the link: what is on the screen was said by a companiond that still answers. An event stream that is silent is asked, one
// that ended is doubted at once, and while nobody answers the link is "offline" and no screen may call the camera connected.
import { computed, effect, signal } from "@preact/signals";
import * as api from "./api.ts";
import { parseRecording, parseStatus, type Receipt, type Recording, type Status, type Tag } from "./contract.ts";
import { Problem, problemFrom } from "./problem.ts";
import { takeToken } from "./route.ts";
import { pairingOutcome, type PairingOutcome } from "./state/pairing.ts";
import { merge, refresh } from "./state/recordings.ts";

export type Link = "starting" | "online" | "offline" | "signed-out";

/** A stream that has said nothing for this long is asked whether it still lives. */
const SILENCE_MS = 12_000;
/** An answer on loopback that takes longer than this is no answer. */
const PROBE_MS = 5_000;
const RETRY_MS = 2_000;
const PAGE_SIZE = 24;

export const link = signal<Link>("starting");
/** Why the page is signed out; null when nobody tried. */
export const signInProblem = signal<Problem | null>(null);
export const status = signal<Status | null>(null);
/** performance.now() when `status` arrived: ages and the camera's clock count on from it. */
export const statusAt = signal(0);
/** Milliseconds, once a second, for clocks and ages. */
export const now = signal(performance.now());

/** The camera is there, as far as anyone can honestly tell. */
export const live = computed(() => link.value === "online" && status.value?.state === "live");

export const outcome = signal<PairingOutcome | null>(null);

export interface RecordingList {
	readonly items: readonly Recording[];
	readonly more: boolean;
	readonly loading: boolean;
	readonly loaded: boolean;
	readonly problem: Problem | null;
}

const NOTHING: RecordingList = { items: [], more: false, loading: false, loaded: false, problem: null };
export const recordings = signal<RecordingList>(NOTHING);

/** Object addresses of thumbnails, which come slowly over Bluetooth and so are fetched once; "failed" until the next session. */
export const thumbnails = signal<ReadonlyMap<string, string>>(new Map());

/** A short message at the foot of the screen; announced to screen readers. */
export interface Notice {
	readonly text: string;
	readonly tone: "good" | "bad";
}
export const notice = signal<Notice | null>(null);
let noticeTimer: ReturnType<typeof setTimeout> | undefined;

export function say(text: string, tone: Notice["tone"] = "good"): void {
	clearTimeout(noticeTimer);
	notice.value = { text, tone };
	noticeTimer = setTimeout(() => (notice.value = null), tone === "bad" ? 12_000 : 6_000);
}

export function dismissNotice(): void {
	clearTimeout(noticeTimer);
	notice.value = null;
}

/** Runs something a person asked for; when it fails they are told. True when it worked. */
export async function attempt(action: () => Promise<unknown>): Promise<boolean> {
	try {
		await action();
		return true;
	} catch (error) {
		const problem = noteProblem(error);
		if (link.value !== "signed-out")
			say(problem.message, "bad");
		return false;
	}
}

/** Every failed call passes here: two kinds of failure are about the link and not about what was asked. */
function noteProblem(error: unknown): Problem {
	const problem = problemFrom(error);
	if (problem.reason === "signed-out" || problem.status === 401)
		signOut(problem.reason === "signed-out" ? problem : new Problem("signed-out"));
	else if (problem.reason === "companion-gone")
		link.value = "offline";
	return problem;
}

// ---- the link

let stream: EventSource | null = null;
let heardAt = 0;
let retryTimer: ReturnType<typeof setTimeout> | undefined;
let probing: Promise<void> | null = null;

export async function start(): Promise<void> {
	const token = takeToken();
	if (token) {
		try {
			await api.login(token);
		} catch (error) {
			const problem = problemFrom(error);
			if (problem.status >= 400 && problem.status < 500) {
				signOut(new Problem("signed-out", "The key in the address was not accepted: it belongs to an earlier start of the companion."));
				return;
			}
		}
	}
	setInterval(() => (now.value = performance.now()), 1000);
	setInterval(() => {
		if (link.value === "online" && performance.now() - heardAt > SILENCE_MS)
			void probe();
	}, 2_000);
	document.addEventListener("visibilitychange", () => {
		if (!document.hidden && link.value !== "signed-out")
			void probe();
	});
	effect(followStatus);
	listen();
	await probe();
}

function listen(): void {
	stream?.close();
	const source = new EventSource("/api/events");
	stream = source;
	source.addEventListener("open", () => {
		void probe();
		// What happened between the list's reading and now, no stream has told.
		if (recordings.peek().loaded || recordings.peek().loading)
			void loadNewest();
	});
	source.addEventListener("status", (event) => {
		const value = decode(event.data);
		if (value !== undefined)
			accept(parseStatus(value));
	});
	source.addEventListener("recording", (event) => {
		heardAt = performance.now();
		const recording = parseRecording(decode(event.data));
		if (recording && recordings.value.loaded)
			recordings.value = { ...recordings.value, items: merge(recordings.value.items, [recording]) };
		else
			void loadNewest();
	});
	source.addEventListener("error", () => {
		if (source === stream)
			void probe();
	});
}

function decode(data: unknown): unknown {
	try {
		return JSON.parse(String(data));
	} catch {
		return undefined;
	}
}

function accept(fresh: Status): void {
	heardAt = performance.now();
	statusAt.value = heardAt;
	status.value = fresh;
	link.value = "online";
}

/** Asks companiond how it is; its answer, or that there is none, decides the link. */
function probe(): Promise<void> {
	probing ??= ask().finally(() => (probing = null));
	return probing;
}

async function ask(): Promise<void> {
	clearTimeout(retryTimer);
	const asked = performance.now();
	const deadline = new AbortController();
	const timer = setTimeout(() => deadline.abort(), PROBE_MS);
	try {
		const fresh = await api.getStatus(deadline.signal);
		// What the stream said meanwhile is newer than this answer.
		if (heardAt <= asked)
			accept(fresh);
		// Refused, not broken off: too many pages are open. The status is asked for meanwhile.
		if (stream?.readyState === EventSource.CLOSED)
			retryTimer = setTimeout(listen, RETRY_MS);
	} catch (error) {
		if (error instanceof Problem && (error.status === 401 || error.status === 403)) {
			signOut(null);
			return;
		}
		link.value = "offline";
		retryTimer = setTimeout(() => void probe(), RETRY_MS);
	} finally {
		clearTimeout(timer);
	}
}

function signOut(problem: Problem | null): void {
	clearTimeout(retryTimer);
	stream?.close();
	stream = null;
	status.value = null;
	forgetFootage();
	signInProblem.value = problem;
	link.value = "signed-out";
}

// ---- what follows from a status

let before: Status | null = null;
let wasLive = false;

function followStatus(): void {
	const after = status.value;
	const isLive = live.value;
	if (after !== before && after) {
		const ended = pairingOutcome(before, after);
		if (ended)
			outcome.value = ended;
		else if (after.pairing)
			outcome.value = null;
		if (before?.camera && before.camera.serial !== after.camera?.serial)
			forgetFootage();
	}
	before = after;
	if (isLive && !wasLive)
		void loadNewest();
	wasLive = isLive;
}

function forgetFootage(): void {
	for (const url of thumbnails.value.values())
		if (url.startsWith("blob:"))
			URL.revokeObjectURL(url);
	thumbnails.value = new Map();
	recordings.value = NOTHING;
}

// ---- recordings

let newestWanted = false;

/** Reads the newest page again. Calls while one is under way are joined into one more read after it. */
export async function loadNewest(): Promise<void> {
	newestWanted = true;
	if (recordings.peek().loading)
		return;
	while (newestWanted && live.peek()) {
		newestWanted = false;
		await read(null);
	}
	newestWanted = false;
}

export async function loadOlder(): Promise<void> {
	const { items, more, loading } = recordings.peek();
	const last = items[items.length - 1];
	if (more && !loading && last)
		await read(last.id);
	if (newestWanted)
		await loadNewest();
}

async function read(from: string | null): Promise<void> {
	recordings.value = { ...recordings.peek(), loading: true, problem: null };
	try {
		const page = await api.listRecordings(from, PAGE_SIZE);
		const { items, more } = recordings.peek();
		const older = from !== null;
		const merged = older ? merge(items, page.recordings) : refresh(items, page.recordings, page.more);
		// Pages behind the newest one that were read before keep what they said about the end.
		const stillMore = older ? page.more : page.more && (merged.length === page.recordings.length || more);
		recordings.value = { items: merged, more: stillMore, loading: false, loaded: true, problem: null };
		retryThumbnails();
	} catch (error) {
		recordings.value = { ...recordings.peek(), loading: false, problem: noteProblem(error) };
	}
}

/** Reads older pages until the recording is there. Null: the camera has no such recording. */
export async function find(id: string): Promise<Recording | null> {
	for (;;) {
		const { items, more, problem, loaded } = recordings.peek();
		const found = items.find((item) => item.id === id);
		if (found || problem || !loaded || !more)
			return found ?? null;
		await loadOlder();
	}
}

export async function saveTag(id: string, tag: Omit<Tag, "revision">): Promise<Receipt> {
	try {
		const receipt = await api.saveTag(id, tag);
		const { items } = recordings.peek();
		recordings.value = {
			...recordings.peek(),
			items: items.map((item) => (item.id === id ? { ...item, tag: { ...tag, revision: receipt.revision } } : item)),
		};
		return receipt;
	} catch (error) {
		throw noteProblem(error);
	}
}

// ---- thumbnails: one at a time, in the order they came into sight, so that they do not crowd out what a person asks for

const wanted: string[] = [];
let fetching = false;

export function wantThumbnail(id: string): void {
	if (!thumbnails.peek().has(id) && !wanted.includes(id))
		wanted.push(id);
	void fetchThumbnails();
}

/** What came is no picture. */
export function thumbnailBroken(id: string): void {
	thumbnails.value = new Map(thumbnails.peek()).set(id, "failed");
}

function retryThumbnails(): void {
	const kept = [...thumbnails.peek()].filter(([, url]) => url !== "failed");
	if (kept.length === thumbnails.peek().size)
		return;
	thumbnails.value = new Map(kept);
}

async function fetchThumbnails(): Promise<void> {
	if (fetching)
		return;
	fetching = true;
	try {
		for (let id = wanted.shift(); id !== undefined && live.peek(); id = wanted.shift()) {
			let url = "failed";
			try {
				url = URL.createObjectURL(await api.thumbnail(id));
			} catch (error) {
				noteProblem(error);
			}
			thumbnails.value = new Map(thumbnails.peek()).set(id, url);
		}
	} finally {
		fetching = false;
	}
}
