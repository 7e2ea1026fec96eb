// Feeds a <video> from the camera, through Media Source Extensions.
//
// Why not <video src>: a recording is a fragmented MP4 that grew while it was made, so nothing in front says how long it is or where its
// fragments are; Chromium then reads all of it before the first picture (measured: 5.8 s for 1 MB at 200 kB/s, instead of 0.3 s). Here
// the length comes from the list of recordings, playing begins with the first fragment, and only what is watched crosses the radio.
// A file that is not fragmented, or a browser without MSE, falls back to <video src>.
import { Problem, problemFrom } from "../problem.ts";
import { call } from "../api.ts";
import { FragmentMap } from "./fragments.ts";
import { boxAt, parseMovie, type Movie } from "./mp4.ts";

export interface Engine {
	destroy(): void;
}

export interface EngineEvents {
	/** Playing cannot go on; the engine has stopped. */
	problem(problem: Problem): void;
}

/** First read: enough for the header and the first pictures, little enough to be there at once. */
const HEAD_BYTES = 96 * 1024;
const CHUNK_BYTES = 384 * 1024;
const MAX_HEADER = 1 << 20;
const AHEAD_S = 20;
const BEHIND_S = 30;
/** A hole shorter than this between what is buffered and where playing is, is none. */
const SLACK_S = 0.25;

interface MediaSourceKind {
	new (): MediaSource;
	isTypeSupported(type: string): boolean;
}

function mediaSourceKind(): MediaSourceKind | null {
	const scope = globalThis as unknown as { ManagedMediaSource?: MediaSourceKind; MediaSource?: MediaSourceKind };
	return scope.ManagedMediaSource ?? scope.MediaSource ?? null;
}

async function readRange(url: string, offset: number, length: number, signal: AbortSignal): Promise<Uint8Array> {
	const response = await call("GET", url, undefined, { signal, headers: { Range: `bytes=${offset}-${offset + length - 1}` } });
	if (response.status !== 206 && offset > 0)
		throw new Problem("internal", "The companion does not answer ranges.");
	try {
		const data = new Uint8Array(await response.arrayBuffer());
		return data.length > length ? data.subarray(0, length) : data;
	} catch (error) {
		// The answer began and broke off: what broke it is in the status, or the recording is damaged there.
		if (signal.aborted)
			throw error;
		throw new Problem("cut-off");
	}
}

/** A source buffer whose operations can be awaited, one after another. */
class Sink {
	private constructor(private readonly source: MediaSource, readonly buffer: SourceBuffer) {}

	static async open(video: HTMLVideoElement, kind: MediaSourceKind, mime: string): Promise<Sink> {
		const source = new kind();
		const url = URL.createObjectURL(source);
		// ManagedMediaSource (Safari on phones) opens only where playing elsewhere is off.
		video.disableRemotePlayback = true;
		video.src = url;
		await new Promise((resolve) => source.addEventListener("sourceopen", resolve, { once: true }));
		URL.revokeObjectURL(url);
		return new Sink(source, source.addSourceBuffer(mime));
	}

	get open(): boolean {
		return this.source.readyState === "open";
	}

	private settle(): Promise<void> {
		if (!this.buffer.updating)
			return Promise.resolve();
		return new Promise((resolve, reject) => {
			const done = () => {
				this.buffer.removeEventListener("updateend", done);
				this.buffer.removeEventListener("error", failed);
				resolve();
			};
			const failed = () => {
				this.buffer.removeEventListener("updateend", done);
				this.buffer.removeEventListener("error", failed);
				reject(new Problem("format-unsupported"));
			};
			this.buffer.addEventListener("updateend", done);
			this.buffer.addEventListener("error", failed);
		});
	}

	async append(data: Uint8Array<ArrayBuffer>): Promise<void> {
		await this.settle();
		this.buffer.appendBuffer(data);
		await this.settle();
	}

	async remove(from: number, to: number): Promise<void> {
		await this.settle();
		if (to > from && this.source.readyState !== "closed") {
			this.buffer.remove(from, to);
			await this.settle();
		}
	}

	/** The next bytes begin a box. */
	async reset(): Promise<void> {
		await this.settle();
		if (this.open)
			this.buffer.abort();
	}

	async setDuration(seconds: number): Promise<void> {
		await this.settle();
		if (this.open)
			this.source.duration = seconds;
	}

	async end(): Promise<void> {
		await this.settle();
		if (this.open)
			this.source.endOfStream();
	}
}

/** End of the buffered range that holds `time`; null when none does. */
function bufferedEnd(buffered: TimeRanges, time: number): number | null {
	for (let i = 0; i < buffered.length; i++)
		if (buffered.start(i) - SLACK_S <= time && time < buffered.end(i))
			return buffered.end(i);
	return null;
}

function isQuota(error: unknown): boolean {
	return error instanceof DOMException && error.name === "QuotaExceededError";
}

/** Plays one recording. `size` in bytes, `seconds` its length, both from the list of recordings. */
export function openRecording(video: HTMLVideoElement, url: string, size: number, seconds: number, startAt: number, events: EngineEvents): Engine {
	const ended = new AbortController();
	let reading = new AbortController();
	let sink: Sink | null = null;
	let map: FragmentMap | null = null;
	let next = 0;
	/** Counts seeks: bytes that were asked for before the last one are of no use. */
	let generation = 0;
	let seekTo: number | null = null;
	let running = false;
	let finished = false;

	function fail(error: unknown): void {
		if (ended.signal.aborted)
			return;
		events.problem(problemFrom(error));
		destroy();
	}

	function ahead(): number {
		const end = sink ? bufferedEnd(sink.buffer.buffered, video.currentTime) : null;
		return end === null ? 0 : end - video.currentTime;
	}

	async function evict(keepBehind: number): Promise<void> {
		const start = sink?.buffer.buffered.length ? sink.buffer.buffered.start(0) : 0;
		const until = video.currentTime - keepBehind;
		if (until - start > 10 || (keepBehind < BEHIND_S && until > start))
			await sink?.remove(start, until);
	}

	async function feed(bytes: Uint8Array): Promise<void> {
		const data = bytes as Uint8Array<ArrayBuffer>;
		try {
			await sink?.append(data);
		} catch (error) {
			if (!isQuota(error))
				throw error;
			await evict(2);
			await sink?.append(data);
		}
	}

	async function finishAtEnd(): Promise<void> {
		finished = next >= size;
		if (finished)
			await sink?.end();
	}

	/** Is the buffered range that ends at `end` the one that the next bytes make longer? */
	function filling(end: number): boolean {
		if (!map || seekTo !== null)
			return false;
		return finished ? end > seconds - 2 : map.position !== null && Math.abs(map.position - map.startTime - end) < 4;
	}

	async function relocate(target: number): Promise<void> {
		if (!sink || !map)
			return;
		await sink.reset();
		const origin = map.startTime;
		const offset = await map.locate(target + origin, (at, length) => readRange(url, at, length, reading.signal));
		next = offset;
		finished = false;
		map.restart(offset);
	}

	async function begin(): Promise<void> {
		let head = await readRange(url, 0, Math.min(size, HEAD_BYTES), ended.signal);
		let movie: Movie | null = parseMovie(head);
		while (!movie && head.length < Math.min(size, MAX_HEADER) && boxAt(head, 0)?.type === "ftyp") {
			const more = await readRange(url, head.length, Math.min(size - head.length, CHUNK_BYTES), ended.signal);
			if (more.length === 0)
				break;
			const joined = new Uint8Array(head.length + more.length);
			joined.set(head);
			joined.set(more, head.length);
			head = joined;
			movie = parseMovie(head);
		}
		const kind = mediaSourceKind();
		if (!movie?.fragmented || !kind?.isTypeSupported(movie.mime)) {
			video.src = url;
			if (startAt > 0)
				video.currentTime = startAt;
			return;
		}
		map = new FragmentMap(movie, size, seconds);
		map.scan(movie.size, head.subarray(movie.size));
		sink = await Sink.open(video, kind, movie.mime);
		if (ended.signal.aborted)
			return;
		await sink.append(head.slice(0, movie.size));
		await sink.setDuration(seconds);
		// A recording's own time may begin anywhere; the player's begins at zero.
		if (map.startTime > SLACK_S)
			sink.buffer.timestampOffset = -map.startTime;
		if (startAt > 0) {
			seekTo = startAt;
			video.currentTime = startAt;
		} else {
			await feed(head.slice(movie.size));
			next = head.length;
			await finishAtEnd();
		}
		if (ended.signal.aborted)
			return;
		// Only now: what they start reads on from `next`.
		video.addEventListener("seeking", onSeeking);
		video.addEventListener("timeupdate", onTime);
		video.addEventListener("waiting", onTime);
		// A seek during the feed went by unheard.
		if (startAt === 0 && video.currentTime > 0 && bufferedEnd(sink.buffer.buffered, video.currentTime) === null)
			seekTo = video.currentTime;
		void pump();
	}

	async function pump(): Promise<void> {
		if (running || !sink || !map)
			return;
		running = true;
		try {
			while (!ended.signal.aborted) {
				const mine = generation;
				if (seekTo !== null) {
					const target = seekTo;
					seekTo = null;
					await relocate(target);
					if (mine !== generation)
						continue;
				}
				if (finished || ahead() > AHEAD_S)
					return;
				const bytes = await readRange(url, next, Math.min(size - next, CHUNK_BYTES), reading.signal);
				if (mine !== generation)
					continue;
				if (bytes.length === 0)
					throw new Problem("cut-off");
				map.scan(next, bytes);
				await feed(bytes);
				if (mine !== generation)
					continue;
				next += bytes.length;
				await finishAtEnd();
				await evict(BEHIND_S);
			}
		} catch (error) {
			// A seek broke off the read that nobody wants any more; the new place is in seekTo.
			if (error instanceof DOMException && error.name === "AbortError")
				queueMicrotask(() => void pump());
			else
				fail(error);
		} finally {
			running = false;
		}
	}

	function onSeeking(): void {
		if (!sink)
			return;
		const time = video.currentTime;
		const end = bufferedEnd(sink.buffer.buffered, time);
		// In the range that is being filled: go on filling it. In an older one, or in none: start anew from where it ends, or there.
		if (end !== null && filling(end)) {
			void pump();
			return;
		}
		seekTo = end ?? time;
		generation++;
		reading.abort();
		reading = new AbortController();
		void pump();
	}

	function onTime(): void {
		void pump();
	}

	function destroy(): void {
		ended.abort();
		reading.abort();
		video.removeEventListener("seeking", onSeeking);
		video.removeEventListener("timeupdate", onTime);
		video.removeEventListener("waiting", onTime);
	}

	begin().catch(fail);
	return { destroy };
}

/** Shows what the camera sees now, as near to now as it arrives. */
export function openLive(video: HTMLVideoElement, url: string, events: EngineEvents): Engine {
	const ended = new AbortController();
	/** Further behind than this, it jumps forward. */
	const maxLag = 2.5;

	async function run(): Promise<void> {
		const response = await fetch(url, { credentials: "same-origin", cache: "no-store", signal: ended.signal }).catch(() => {
			throw new Problem("companion-gone");
		});
		if (!response.ok || !response.body) {
			const body = (await response.json().catch(() => ({}))) as { reason?: string; message?: string };
			throw new Problem(body.reason ?? "internal", body.message, response.status);
		}
		const reader = response.body.getReader();
		let head: Uint8Array<ArrayBuffer> = new Uint8Array(0);
		let sink: Sink | null = null;
		for (;;) {
			const { value, done } = await reader.read();
			if (done)
				throw new Problem("live-ended");
			if (!sink) {
				const joined = new Uint8Array(head.length + value.length);
				joined.set(head);
				joined.set(value, head.length);
				head = joined;
				const movie = parseMovie(head);
				if (!movie) {
					if (head.length > MAX_HEADER)
						throw new Problem("format-unsupported");
					continue;
				}
				const kind = mediaSourceKind();
				if (!kind?.isTypeSupported(movie.mime))
					throw new Problem("format-unsupported");
				sink = await Sink.open(video, kind, movie.mime);
				await sink.append(head);
			} else {
				await sink.append(value as Uint8Array<ArrayBuffer>);
			}
			const { buffered } = sink.buffer;
			if (buffered.length === 0)
				continue;
			const edge = buffered.end(buffered.length - 1);
			const start = buffered.start(buffered.length - 1);
			if (video.currentTime < start || edge - video.currentTime > maxLag)
				video.currentTime = Math.max(start, edge - 0.3);
			if (video.currentTime - buffered.start(0) > 15)
				await sink.remove(buffered.start(0), video.currentTime - 5);
		}
	}

	run().catch((error: unknown) => {
		if (!ended.signal.aborted) {
			ended.abort();
			events.problem(problemFrom(error));
		}
	});
	return { destroy: () => ended.abort() };
}
