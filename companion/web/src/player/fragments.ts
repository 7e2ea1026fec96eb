// Where in a file the fragment for a time begins. Pure but for the `read` that it is given.
//
// A recording that grew while it was made has no index in front, and the camera's radio is slow: reading it from the start to find minute
// ten is out of the question. So: what has gone by is remembered, an index at the end is used when there is one, and otherwise the place is
// guessed from time and size and the guess corrected by the decode times found there.
import { boxAt, findFragment, indexSize, leadTrack, parseFragment, parseIndex, type IndexEntry, type Movie } from "./mp4.ts";

export type Read = (offset: number, length: number) => Promise<Uint8Array>;

const MAX_PROBES = 12;
const MAX_INDEX = 1 << 20;

export class FragmentMap {
	private readonly known: IndexEntry[] = [];
	private indexTried = false;
	private scanned: number | null = null;
	/** Bytes from the start of a box on that the last scan could not finish with. */
	private pending: Uint8Array = new Uint8Array(0);
	private pendingAt = 0;
	/** Where the next box begins. */
	private boundary: number;
	private readonly lead: ReturnType<typeof leadTrack>;

	constructor(movie: Movie, private readonly size: number, private readonly seconds: number) {
		this.lead = leadTrack(movie);
		this.boundary = movie.size;
	}

	get entries(): readonly IndexEntry[] {
		return this.known;
	}

	/** Decode time of the first fragment, in seconds; 0 until it is known. */
	get startTime(): number {
		return this.known[0]?.time ?? 0;
	}

	/** Time of the last fragment of the lead track that was scanned, in the file's own time; null just after a restart. */
	get position(): number | null {
		return this.scanned;
	}

	/** The next bytes scanned begin a box: after a seek. */
	restart(offset: number): void {
		this.pending = new Uint8Array(0);
		this.scanned = null;
		this.boundary = offset;
	}

	/** Bytes of the file from `offset` on, in order since the last restart: remembers the fragments in them. */
	scan(offset: number, bytes: Uint8Array): void {
		let data = bytes;
		let base = offset;
		if (this.pending.length > 0) {
			data = new Uint8Array(this.pending.length + bytes.length);
			data.set(this.pending);
			data.set(bytes, this.pending.length);
			base = this.pendingAt;
		}
		this.pending = new Uint8Array(0);
		while (this.boundary < base + data.length) {
			const at = this.boundary - base;
			if (at < 0)
				return;
			const box = boxAt(data, at);
			if (!box || (box.type === "moof" && box.end > data.length)) {
				// A header or a moof cut in two. Anything else that is no header is not ours to judge: the decoder will.
				if (data.length - at < 65_536) {
					this.pending = data.slice(at);
					this.pendingAt = this.boundary;
				}
				return;
			}
			const time = box.type === "moof" ? this.leadTime(data, at) : null;
			if (time !== null) {
				this.note(this.boundary, time);
				this.scanned = time;
			}
			this.boundary += box.end - box.start;
		}
	}

	private leadTime(data: Uint8Array, at: number): number | null {
		const box = boxAt(data, at);
		const run = box && parseFragment(data, box)?.find((entry) => entry.track === this.lead.id);
		return run ? run.time / this.lead.timescale : null;
	}

	private note(offset: number, time: number): void {
		let at = this.known.length;
		while (at > 0 && (this.known[at - 1] as IndexEntry).offset > offset)
			at--;
		if (this.known[at - 1]?.offset !== offset)
			this.known.splice(at, 0, { time, offset });
	}

	private bracket(goal: number): { low: IndexEntry; high: IndexEntry } {
		let low: IndexEntry = { time: this.startTime, offset: this.known[0]?.offset ?? 0 };
		let high: IndexEntry = { time: this.startTime + Math.max(this.seconds, 1), offset: this.size };
		for (const entry of this.known) {
			if (entry.time <= goal)
				low = entry;
			else {
				high = entry;
				break;
			}
		}
		return { low, high };
	}

	/**
	 * Offset of a fragment from which decoding reaches `time` (seconds in the file's own time) with every track there: the fragment before
	 * the one that holds `time`, because the other tracks' fragments for the same moment may stand just in front of that one.
	 */
	async locate(time: number, read: Read): Promise<number> {
		await this.loadIndex(read);
		const holds = await this.search(time, read);
		if (!holds)
			return this.boundary;
		const earlier = await this.search(holds.time - 0.001, read);
		return (earlier ?? holds).offset;
	}

	/** The last fragment that begins at or before `time`, as exactly as a few reads can tell. */
	private async search(time: number, read: Read): Promise<IndexEntry | null> {
		const goal = Math.max(this.startTime, time);
		const rate = this.size / Math.max(this.seconds, 1);
		const window = Math.min(1 << 20, Math.max(1 << 16, Math.ceil(rate * 1.5)));
		for (let probe = 0; probe < MAX_PROBES; probe++) {
			const { low, high } = this.bracket(goal);
			const gap = high.offset - low.offset;
			if (gap <= window * 1.5 || high.time - low.time < 1.5)
				break;
			const share = Math.min(0.95, Math.max(0, (goal - low.time) / Math.max(0.001, high.time - low.time)));
			// Half a window early: landing just behind the fragment would cost another read.
			const guess = Math.max(low.offset + 1, Math.floor(low.offset + gap * share - window / 2));
			const before = this.known.length;
			await this.probe(guess, Math.min(high.offset, guess + window * 2), window, read);
			if (this.known.length > before)
				continue;
			// No fragment begins there: from the lower end, the next one is found for certain.
			await this.probe(low.offset + 1, Math.min(high.offset, low.offset + window * 3), window, read);
			if (this.known.length === before)
				break;
		}
		let found: IndexEntry | null = this.known[0] ?? null;
		for (const entry of this.known)
			if (entry.time <= goal)
				found = entry;
		return found;
	}

	/** Reads from `from` on until fragments were noted or `to` is reached. */
	private async probe(from: number, to: number, window: number, read: Read): Promise<void> {
		let data = new Uint8Array(0);
		let noted = false;
		while (from + data.length < to && !noted) {
			const bytes = await read(from + data.length, Math.min(window, to - from - data.length));
			if (bytes.length === 0)
				break;
			const joined = new Uint8Array(data.length + bytes.length);
			joined.set(data);
			joined.set(bytes, data.length);
			data = joined;
			for (let at = findFragment(data, 0); at >= 0; ) {
				const time = this.leadTime(data, at);
				if (time !== null) {
					this.note(from + at, time);
					noted = true;
				}
				const box = boxAt(data, at);
				at = box ? findFragment(data, box.end) : -1;
			}
		}
	}

	private async loadIndex(read: Read): Promise<void> {
		if (this.indexTried)
			return;
		this.indexTried = true;
		if (this.size < 16)
			return;
		const size = indexSize(await read(this.size - 16, 16));
		if (size < 24 || size > MAX_INDEX || size > this.size)
			return;
		for (const entry of parseIndex(await read(this.size - size, size), this.lead))
			if (entry.offset < this.size)
				this.note(entry.offset, entry.time);
	}
}
