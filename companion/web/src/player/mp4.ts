// The little of ISO/IEC 14496-12 that playing a fragmented MP4 through Media Source Extensions needs: codecs and time scales from `moov`,
// decode times from `moof`, and the index in `mfra` when the file has one. Pure; every read is bounded, every surprise is "not understood".

export interface Box {
	readonly type: string;
	/** Of the box's first byte, in the array given. */
	readonly start: number;
	/** Of the first byte behind its header. */
	readonly body: number;
	/** Of the first byte behind it; may lie beyond the array for a box that is not all there. */
	readonly end: number;
}

export interface Track {
	readonly id: number;
	readonly kind: "video" | "audio";
	readonly timescale: number;
	/** RFC 6381: "avc1.42C01F", "mp4a.40.2". */
	readonly codec: string;
}

export interface Movie {
	/** Bytes of `ftyp` to `moov`: what a source buffer wants first. */
	readonly size: number;
	readonly fragmented: boolean;
	readonly tracks: readonly Track[];
	readonly mime: string;
}

/** One track's part of a fragment. */
export interface Run {
	readonly track: number;
	/** Decode time of its first sample, in the track's time scale. */
	readonly time: number;
}

function view(data: Uint8Array): DataView {
	return new DataView(data.buffer, data.byteOffset, data.byteLength);
}

function fourcc(data: Uint8Array, at: number): string {
	return String.fromCharCode(data[at] ?? 0, data[at + 1] ?? 0, data[at + 2] ?? 0, data[at + 3] ?? 0);
}

/** The box whose header begins at `at`; null when the header is not all there before `limit` or is no header. */
export function boxAt(data: Uint8Array, at: number, limit = data.length): Box | null {
	if (at < 0 || at + 8 > limit)
		return null;
	const bytes = view(data);
	let size = bytes.getUint32(at);
	let body = at + 8;
	if (size === 1) {
		if (at + 16 > limit)
			return null;
		size = bytes.getUint32(at + 8) * 2 ** 32 + bytes.getUint32(at + 12);
		body = at + 16;
	}
	if (size < body - at)
		return null;
	return { type: fourcc(data, at + 4), start: at, body, end: at + size };
}

/** The whole boxes inside [from, to). */
function* boxes(data: Uint8Array, from: number, to: number): Generator<Box> {
	for (let at = from; at < to; ) {
		const box = boxAt(data, at, to);
		if (!box || box.end > to)
			return;
		yield box;
		at = box.end;
	}
}

function child(data: Uint8Array, parent: Box, ...path: string[]): Box | null {
	let from = parent.body;
	let to = parent.end;
	let found: Box | null = null;
	for (const type of path) {
		found = null;
		for (const box of boxes(data, from, to))
			if (box.type === type) {
				found = box;
				break;
			}
		if (!found)
			return null;
		from = found.body;
		to = found.end;
	}
	return found;
}

/** Reads numbers one after another from a box; false in `ok` once it has run out. */
class Reader {
	ok = true;
	private readonly bytes: DataView;

	constructor(data: Uint8Array, private at: number, private readonly end: number) {
		this.bytes = view(data);
	}

	private take(count: number): number {
		const at = this.at;
		if (at + count > this.end)
			this.ok = false;
		else
			this.at += count;
		return this.ok ? at : -1;
	}

	skip(count: number): void {
		this.take(count);
	}

	u8(): number {
		const at = this.take(1);
		return at < 0 ? 0 : this.bytes.getUint8(at);
	}

	u32(): number {
		const at = this.take(4);
		return at < 0 ? 0 : this.bytes.getUint32(at);
	}

	u64(): number {
		return this.u32() * 2 ** 32 + this.u32();
	}

	sized(bytesEach: number): number {
		let value = 0;
		for (let i = 0; i < bytesEach; i++)
			value = value * 256 + this.u8();
		return value;
	}

	/** Length of an MPEG-4 descriptor (14496-1, 8.3.3): seven bits a byte. */
	descriptorLength(): number {
		let value = 0;
		for (let i = 0; i < 4; i++) {
			const byte = this.u8();
			value = value * 128 + (byte & 0x7f);
			if (!(byte & 0x80))
				break;
		}
		return value;
	}
}

function hex(byte: number): string {
	return byte.toString(16).padStart(2, "0").toUpperCase();
}

function avcCodec(data: Uint8Array, entry: Box): string | null {
	// VisualSampleEntry: 78 bytes before its boxes.
	for (const box of boxes(data, entry.body + 78, entry.end))
		if (box.type === "avcC" && box.body + 4 <= box.end)
			return `${entry.type}.${hex(data[box.body + 1] ?? 0)}${hex(data[box.body + 2] ?? 0)}${hex(data[box.body + 3] ?? 0)}`;
	return null;
}

function aacCodec(data: Uint8Array, entry: Box): string | null {
	// AudioSampleEntry: 28 bytes before its boxes.
	for (const box of boxes(data, entry.body + 28, entry.end)) {
		if (box.type !== "esds")
			continue;
		const reader = new Reader(data, box.body + 4, box.end);
		if (reader.u8() !== 0x03)
			return null;
		reader.descriptorLength();
		reader.skip(2);
		const flags = reader.u8();
		if (flags & 0x80)
			reader.skip(2);
		if (flags & 0x40)
			reader.skip(reader.u8());
		if (flags & 0x20)
			reader.skip(2);
		if (reader.u8() !== 0x04)
			return null;
		reader.descriptorLength();
		const objectType = reader.u8();
		reader.skip(12);
		if (reader.u8() !== 0x05 || !reader.ok)
			return null;
		reader.descriptorLength();
		const audioType = reader.u8() >> 3;
		return reader.ok && objectType === 0x40 ? `mp4a.40.${audioType}` : null;
	}
	return null;
}

function parseTrack(data: Uint8Array, trak: Box): Track | null {
	const tkhd = child(data, trak, "tkhd");
	const mdhd = child(data, trak, "mdia", "mdhd");
	const stsd = child(data, trak, "mdia", "minf", "stbl", "stsd");
	if (!tkhd || !mdhd || !stsd)
		return null;
	const header = new Reader(data, tkhd.body, tkhd.end);
	const headerVersion = header.u8();
	header.skip(headerVersion === 1 ? 3 + 16 : 3 + 8);
	const id = header.u32();
	const media = new Reader(data, mdhd.body, mdhd.end);
	const mediaVersion = media.u8();
	media.skip(mediaVersion === 1 ? 3 + 16 : 3 + 8);
	const timescale = media.u32();
	const entry = boxAt(data, stsd.body + 8, stsd.end);
	if (!header.ok || !media.ok || timescale === 0 || !entry || entry.end > stsd.end)
		return null;
	if (entry.type === "avc1" || entry.type === "avc3") {
		const codec = avcCodec(data, entry);
		return codec ? { id, kind: "video", timescale, codec } : null;
	}
	if (entry.type === "mp4a") {
		const codec = aacCodec(data, entry);
		return codec ? { id, kind: "audio", timescale, codec } : null;
	}
	return null;
}

/** Null while `moov` is not all there (read more) and for what is no MP4; a track that is not understood makes it no movie, too. */
export function parseMovie(data: Uint8Array): Movie | null {
	for (let at = 0; at < data.length; ) {
		const box = boxAt(data, at);
		if (!box || box.end > data.length)
			return null;
		if (box.type === "moov") {
			const tracks: (Track | null)[] = [];
			for (const trak of boxes(data, box.body, box.end))
				if (trak.type === "trak")
					tracks.push(parseTrack(data, trak));
			const known = tracks.filter((track): track is Track => track !== null);
			if (known.length === 0 || known.length !== tracks.length)
				return null;
			return {
				size: box.end,
				fragmented: child(data, box, "mvex") !== null,
				tracks: known,
				mime: `${known.some((track) => track.kind === "video") ? "video" : "audio"}/mp4; codecs="${known.map((track) => track.codec).join(", ")}"`,
			};
		}
		at = box.end;
	}
	return null;
}

/** The track whose times are used for seeking: the picture's, or the first. */
export function leadTrack(movie: Movie): Track {
	return movie.tracks.find((track) => track.kind === "video") ?? (movie.tracks[0] as Track);
}

/** The runs of a whole `moof`; null when it is not one. */
export function parseFragment(data: Uint8Array, moof: Box): Run[] | null {
	if (moof.type !== "moof" || moof.end > data.length || !child(data, moof, "mfhd"))
		return null;
	const runs: Run[] = [];
	for (const traf of boxes(data, moof.body, moof.end)) {
		if (traf.type !== "traf")
			continue;
		const tfhd = child(data, traf, "tfhd");
		const tfdt = child(data, traf, "tfdt");
		if (!tfhd || !tfdt)
			return null;
		const header = new Reader(data, tfhd.body + 4, tfhd.end);
		const track = header.u32();
		const decode = new Reader(data, tfdt.body, tfdt.end);
		const version = decode.u8();
		decode.skip(3);
		const time = version === 1 ? decode.u64() : decode.u32();
		if (!header.ok || !decode.ok)
			return null;
		runs.push({ track, time });
	}
	return runs;
}

/** Where the next whole `moof` begins at or after `from`, for bytes that begin anywhere; -1 when there is none. */
export function findFragment(data: Uint8Array, from: number): number {
	for (let at = from; at + 24 <= data.length; at++) {
		// "moof" is followed by "mfhd", whose size is 16, in every file; four bytes of a picture that look like both are no accident.
		if (data[at + 4] !== 0x6d || fourcc(data, at + 4) !== "moof" || fourcc(data, at + 12) !== "mfhd")
			continue;
		const box = boxAt(data, at);
		if (box && box.end <= data.length && parseFragment(data, box)?.length)
			return at;
	}
	return -1;
}

/** Bytes of the `mfra` box at the end of the file, told by the file's last 16 bytes; 0 when there is none. */
export function indexSize(tail: Uint8Array): number {
	if (tail.length < 16)
		return 0;
	const at = tail.length - 16;
	return fourcc(tail, at + 4) === "mfro" && view(tail).getUint32(at) === 16 ? view(tail).getUint32(at + 12) : 0;
}

export interface IndexEntry {
	/** Seconds. */
	readonly time: number;
	/** Of the fragment's `moof` in the file. */
	readonly offset: number;
}

/** The track's entries of a whole `mfra`, in order of time. */
export function parseIndex(data: Uint8Array, track: Track): IndexEntry[] {
	const mfra = boxAt(data, 0);
	if (mfra?.type !== "mfra" || mfra.end > data.length)
		return [];
	for (const tfra of boxes(data, mfra.body, mfra.end)) {
		if (tfra.type !== "tfra")
			continue;
		const reader = new Reader(data, tfra.body, tfra.end);
		const version = reader.u8();
		reader.skip(3);
		if (reader.u32() !== track.id)
			continue;
		const lengths = reader.u32();
		const trailer = ((lengths >> 4) & 3) + 1 + (((lengths >> 2) & 3) + 1) + ((lengths & 3) + 1);
		const count = reader.u32();
		const entries: IndexEntry[] = [];
		for (let i = 0; i < count && reader.ok; i++) {
			const time = version === 1 ? reader.u64() : reader.u32();
			const offset = version === 1 ? reader.u64() : reader.u32();
			reader.skip(trailer);
			if (reader.ok)
				entries.push({ time: time / track.timescale, offset });
		}
		return entries.sort((a, b) => a.time - b.time);
	}
	return [];
}
