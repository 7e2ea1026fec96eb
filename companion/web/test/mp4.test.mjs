import assert from "node:assert/strict";
import { test } from "node:test";
import { FragmentMap } from "../src/player/fragments.ts";
import { findFragment, indexSize, parseFragment, parseIndex, parseMovie, boxAt } from "../src/player/mp4.ts";

// ---- a little muxer: boxes as ISO/IEC 14496-12 has them, sized like a recorder's

const u8 = (...bytes) => Buffer.from(bytes);
const u32 = (...values) => Buffer.concat(values.map((value) => { const b = Buffer.alloc(4); b.writeUInt32BE(value >>> 0); return b; }));
const u64 = (value) => { const b = Buffer.alloc(8); b.writeBigUInt64BE(BigInt(value)); return b; };
const box = (type, ...parts) => { const body = Buffer.concat(parts); return Buffer.concat([u32(body.length + 8), Buffer.from(type, "latin1"), body]); };

function trak(id, timescale, entry) {
	return box("trak",
		box("tkhd", u32(7, 0, 0, id), Buffer.alloc(68)),
		box("mdia", box("mdhd", u32(0, 0, 0, timescale, 0, 0)), box("minf", box("stbl", box("stsd", u32(0, 1), entry)))));
}
const avc1 = box("avc1", Buffer.alloc(78), box("avcC", u8(1, 0x42, 0xc0, 0x1f, 0xff)));
const esds = box("esds", u32(0), u8(0x03, 0x80, 0x80, 0x80, 34, 0, 2, 0, 0x04, 20, 0x40, 0x15), Buffer.alloc(11), u8(0x05, 2, 0x12, 0x08), u8(0x06, 1, 2));
const mp4a = box("mp4a", Buffer.alloc(28), esds);
const ftyp = box("ftyp", Buffer.from("isom"), u32(0));
const moov = box("moov", box("mvhd", Buffer.alloc(100)), trak(1, 30_000, avc1), trak(2, 44_100, mp4a), box("mvex", box("trex", Buffer.alloc(24))));
const moof = (n, track, time) => box("moof", box("mfhd", u32(0, n)), box("traf", box("tfhd", u32(0x20000, track)), box("tfdt", u8(1, 0, 0, 0), u64(time)), box("trun", u32(0, 0))));

/** Fragments of a second: sound, then picture, of uneven size, with bytes in them that look like a fragment. */
function film(seconds, { start = 0, index = false, rate = 40_000 } = {}) {
	const parts = [ftyp, moov];
	const fragments = [];
	let offset = ftyp.length + moov.length;
	const add = (part) => { parts.push(part); offset += part.length; };
	for (let i = 0; i < seconds; i++) {
		add(moof(2 * i, 2, (start + i) * 44_100));
		add(box("mdat", Buffer.alloc(8_000, 0xaa)));
		fragments.push({ time: start + i, offset });
		add(moof(2 * i + 1, 1, (start + i) * 30_000));
		const picture = Buffer.alloc(rate * (1 + ((i * 7) % 5)), 0x55);
		Buffer.from("\0\0\0\x18moof\0\0\0\x10mfhdnonsense").copy(picture, 1000);
		add(box("mdat", picture));
	}
	if (index) {
		const tfra = box("tfra", u8(1, 0, 0, 0), u32(1, 0, fragments.length), ...fragments.map((entry) => Buffer.concat([u64(entry.time * 30_000), u64(entry.offset), u8(1, 1, 1)])));
		add(box("mfra", tfra, box("mfro", u32(0, tfra.length + 8 + 16))));
	}
	return { data: new Uint8Array(Buffer.concat(parts)), fragments };
}

const header = new Uint8Array(Buffer.concat([ftyp, moov]));

test("the header tells codecs and scales", () => {
	const movie = parseMovie(header);
	assert.equal(movie.size, header.length);
	assert.equal(movie.fragmented, true);
	assert.equal(movie.mime, 'video/mp4; codecs="avc1.42C01F, mp4a.40.2"');
	assert.deepEqual(movie.tracks.map((track) => [track.id, track.kind, track.timescale]), [[1, "video", 30_000], [2, "audio", 44_100]]);
});

test("a header cut anywhere is no header, and none of its bytes changed makes it throw", () => {
	for (let length = 0; length < header.length; length++)
		assert.equal(parseMovie(header.subarray(0, length)), null);
	for (let at = 0; at < header.length; at++)
		for (const value of [0x00, 0x7f, 0xff]) {
			const broken = header.slice();
			broken[at] = value;
			parseMovie(broken);
		}
});

test("a fragment tells its time; a broken one tells nothing", () => {
	const bytes = new Uint8Array(moof(1, 1, 90_000));
	assert.deepEqual(parseFragment(bytes, boxAt(bytes, 0)), [{ track: 1, time: 90_000 }]);
	for (let at = 0; at < bytes.length; at++) {
		const broken = bytes.slice();
		broken[at] ^= 0xff;
		const first = boxAt(broken, 0);
		if (first)
			parseFragment(broken, first);
	}
	assert.equal(parseFragment(bytes.subarray(0, bytes.length - 1), boxAt(bytes, 0)), null);
});

test("what looks like a fragment in the picture is not taken for one", () => {
	const { data, fragments } = film(2);
	assert.equal(findFragment(data, fragments[0].offset + 500), fragments[1].offset - 8_008 - moof(2, 2, 0).length);
});

test("the index at the end", () => {
	const { data, fragments } = film(5, { index: true });
	const size = indexSize(data.subarray(data.length - 16));
	const entries = parseIndex(data.subarray(data.length - size), parseMovie(data).tracks[0]);
	assert.deepEqual(entries, fragments);
	assert.equal(indexSize(film(1).data.subarray(-16)), 0);
});

test("fragments that go by are noted, however the bytes are cut", () => {
	const { data, fragments } = film(4, { rate: 300 });
	const movie = parseMovie(data);
	for (const step of [1, 7, 64, 999, 100_000]) {
		const map = new FragmentMap(movie, data.length, 4);
		for (let at = movie.size; at < data.length; at += step)
			map.scan(at, data.subarray(at, Math.min(data.length, at + step)));
		assert.deepEqual(map.entries, fragments, `in steps of ${step}`);
		assert.equal(map.position, 3);
	}
});

for (const [name, options] of [["without an index", {}], ["with an index", { index: true }], ["in a file whose time does not begin at zero", { start: 1000 }]])
	test(`a place is found with few reads ${name}`, async () => {
		const seconds = 600;
		const { data, fragments } = film(seconds, options);
		const movie = parseMovie(data);
		const start = options.start ?? 0;
		for (const goal of [0, 0.5, 1, 2.5, 61.2, 300, 431.99, 598.5, 599.9, 700]) {
			const map = new FragmentMap(movie, data.length, seconds);
			map.scan(movie.size, data.subarray(movie.size, movie.size + 96_000));
			let reads = 0;
			let bytes = 0;
			const read = async (at, length) => { reads++; bytes += length; return data.subarray(at, at + length); };
			const offset = await map.locate(start + goal, read);
			const holds = Math.min(seconds - 1, Math.floor(goal));
			const entry = fragments.findIndex((fragment) => fragment.offset === offset);
			assert.ok(entry >= 0, "it is the beginning of a picture's fragment");
			assert.ok(entry < holds || holds === 0, `not too late: ${entry} for ${goal}`);
			assert.ok(holds - entry <= 4, `not much too early: ${entry} for ${goal}`);
			assert.ok(reads <= 14 && bytes < data.length / 8, `${reads} reads of ${bytes} bytes for ${goal}`);
		}
	});

test("a file of noise ends the search", async () => {
	const movie = parseMovie(header);
	const map = new FragmentMap(movie, 5_000_000, 60);
	const offset = await map.locate(30, async (_at, length) => new Uint8Array(length));
	assert.equal(offset, movie.size);
});
