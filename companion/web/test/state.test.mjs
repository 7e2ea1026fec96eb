import assert from "node:assert/strict";
import { test } from "node:test";
import * as contract from "../src/contract.ts";
import { Problem, sentence } from "../src/problem.ts";
import { CHANNEL_CLOSED, START_MS, channelNext } from "../src/state/channel.ts";
import { draftErrors, draftOf, parsePlace, sameDraft, tagOf } from "../src/state/draft.ts";
import { pairingOutcome } from "../src/state/pairing.ts";
import { groupByDay, matches, merge, refresh } from "../src/state/recordings.ts";
import { readTag } from "../src/state/tag.ts";
import { address, parseRoute } from "../src/route.ts";
import { playerCommand, wantsKey } from "../src/player/keys.ts";

const hex = (n) => n.toString(16).padStart(32, "0");
const recording = (n, fields = {}) => contract.parseRecording({ id: hex(n), started_us: n * 1e6, ...fields });
const status = (fields) => contract.parseStatus(fields);
const wifi = (mode, reason = null) => status({ wifi: { mode, reason } }).wifi;

test("a status from another version of companiond shows less and breaks nothing", () => {
	for (const odd of [null, 7, "x", [], {}, { state: "dreaming", cameras: [{}, null, { id: 3 }], wifi: { mode: "5G", stages: 4 }, pairing: { step: "?" }, camera: {} }]) {
		const parsed = status(odd);
		assert.equal(parsed.state, "idle");
		assert.deepEqual(parsed.cameras, []);
		assert.equal(parsed.wifi.mode, "off");
	}
	assert.equal(status({ pairing: { camera: "a", step: "compare", code: "12<b>" } }).pairing.code, null);
	assert.equal(status({ cameras: [{ id: "a", rssi: 127 }] }).cameras[0].rssi, null);
	assert.equal(status({ camera: { serial: "S", time_us: 0 } }).camera.timeUs, null);
});

test("a recording without a usable id or start is none", () => {
	for (const odd of [null, {}, { id: "../x", started_us: 1 }, { id: hex(1) }, { id: hex(1).toUpperCase().replace("1", "A"), started_us: 1 }])
		assert.equal(contract.parseRecording(odd), null);
	const half = contract.parseRecording({ id: hex(1), started_us: 1, tag: { latitude: 1 } });
	assert.equal(half.tag.latitude, null);
});

test("only a receipt is a receipt", () => {
	assert.deepEqual(contract.parseReceipt({ revision: 3, time_us: 5 }), { revision: 3, timeUs: 5 });
	for (const odd of [null, {}, { revision: 0, time_us: 5 }, { revision: 3 }, { time_us: 5 }])
		assert.equal(contract.parseReceipt(odd), null);
});

test("every reason code of the daemons has its sentence", () => {
	for (const code of ["pairing-closed", "disk-full", "join-timeout", "not-connected", "wifi-off", "login-required"])
		assert.doesNotMatch(sentence(code), /Something went wrong/, code);
	assert.match(sentence("made-up"), /made-up/);
	assert.equal(new Problem("disk-full", "").message, sentence("disk-full"));
});

test("how a pairing ended", () => {
	const near = [{ id: "c1", name: "LY-1" }];
	const during = status({ state: "pairing", cameras: near, pairing: { camera: "c1", step: "compare", code: "000001" } });
	const camera = { serial: "LY-1", fingerprint: "aa" };
	assert.equal(pairingOutcome(null, during), undefined);
	assert.equal(pairingOutcome(during, during), undefined);
	assert.deepEqual(pairingOutcome(during, status({ state: "live", camera })), { camera: "c1", name: "LY-1", reason: null });
	assert.deepEqual(pairingOutcome(during, status({ state: "connecting", reason: "link-closed", camera })), { camera: "c1", name: "LY-1", reason: null });
	assert.equal(pairingOutcome(during, status({ state: "idle", reason: "code-rejected" })).reason, "code-rejected");
	assert.equal(pairingOutcome(during, status({ state: "idle" })).reason, "cancelled");
	const again = status({ state: "pairing", cameras: near, camera, pairing: { camera: "c1", step: "handshake" } });
	assert.equal(pairingOutcome(again, status({ state: "paired", reason: "pairing-expired", camera })).reason, "pairing-expired");
	assert.equal(pairingOutcome(again, status({ state: "connecting", reason: "link-closed", camera: { serial: "LY-2", fingerprint: "bb" } })).reason, null);
});

function walk(...events) {
	let state = CHANNEL_CLOSED;
	const effects = [];
	for (const event of events) {
		const next = channelNext(state, event);
		state = next.state;
		if (next.effect)
			effects.push(next.effect);
	}
	return { phase: state.phase, reason: state.problem?.reason ?? null, effects };
}
const hold = (mode = "off", reason = null) => ({ type: "hold", wifi: wifi(mode, reason) });
const says = (mode, reason = null) => ({ type: "status", wifi: wifi(mode, reason) });

test("the media channel", async (context) => {
	const table = [
		["opens through its stages", [hold(), { type: "accepted", now: 0 }, says("starting"), says("joining"), says("media-ready")], "ready", null, ["open"]],
		["is there already", [hold("media-ready")], "ready", null, []],
		["is not opened twice", [hold(), hold()], "opening", null, ["open"]],
		["an old reason is no failure", [hold("off", "wifi-idle"), says("off", "wifi-idle")], "opening", null, ["open"]],
		["a failure after it moved is one", [hold(), says("starting"), says("off", "ap-timeout")], "failed", "ap-timeout", ["open"]],
		["a failure without a reason, too", [hold(), says("joining"), says("off")], "failed", "ap-failed", ["open"]],
		["refused", [hold(), { type: "refused", problem: new Problem("not-connected") }], "failed", "not-connected", ["open"]],
		["never begins", [hold(), { type: "accepted", now: 100 }, { type: "tick", now: 101 + START_MS, wifi: wifi("off", "wifi-gone") }], "failed", "wifi-gone", ["open"]],
		["begins late enough", [hold(), { type: "accepted", now: 100 }, { type: "tick", now: 99 + START_MS, wifi: wifi("off") }], "opening", null, ["open"]],
		["is lost while playing", [hold("media-ready"), says("off", "join-lost")], "failed", "join-lost", []],
		["comes back after a failure when asked", [hold("media-ready"), says("off", "join-lost"), hold("off", "join-lost"), says("starting"), says("media-ready")], "ready", null, ["open"]],
		["rests", [hold("media-ready"), { type: "idle" }, says("off")], "idle", null, ["close"]],
		["is closed when let go", [hold("media-ready"), { type: "release" }], "closed", null, ["close"]],
		["a failed one needs no closing", [hold(), { type: "refused", problem: new Problem("busy") }, { type: "release" }], "closed", null, ["open"]],
		["what happens when nobody holds it is not ours", [says("starting"), says("media-ready"), says("off", "wifi-idle")], "closed", null, []],
	];
	for (const [name, events, phase, reason, effects] of table)
		await context.test(name, () => assert.deepEqual(walk(...events), { phase, reason, effects }));
});

test("recordings: newest first, the fresh one counts, the offloaded ones go", () => {
	const list = [recording(9), recording(7), recording(5), recording(3)];
	assert.deepEqual(merge(list, [recording(8), recording(5, { size: 55 })]).map((item) => [item.startedUs / 1e6, item.size]), [[9, 0], [8, 0], [7, 0], [5, 55], [3, 0]]);
	assert.deepEqual(refresh(list, [recording(10), recording(7)], true).map((item) => item.startedUs / 1e6), [10, 7, 5, 3]);
	assert.deepEqual(refresh(list, [recording(7)], false).map((item) => item.startedUs / 1e6), [7]);
	assert.deepEqual(refresh(list, [], false), []);
});

test("recordings: filter and search", () => {
	const tagged = recording(1, { tag: { category: "Traffic stop", case_number: "K-4711", note: "Broken Light", revision: 1 } });
	const plain = recording(2);
	const shown = (filter, query) => [tagged, plain].filter((item) => matches(item, filter, query)).length;
	assert.equal(shown("all", ""), 2);
	assert.equal(shown("tagged", ""), 1);
	assert.equal(shown("untagged", ""), 1);
	assert.equal(shown("all", " broken  K-47 "), 1);
	assert.equal(shown("untagged", "broken"), 0);
	assert.equal(shown("all", "1970"), 2);
});

test("recordings: grouped by the reader's day", () => {
	const at = (text) => contract.parseRecording({ id: hex(Date.parse(text) % 1e6), started_us: Date.parse(text) * 1000 });
	const days = groupByDay([at("2025-11-27T22:30:00Z"), at("2025-11-27T22:29:00Z"), at("2025-11-27T12:00:00Z")], Date.parse("2025-11-28T08:00:00Z") * 1000, "Asia/Tokyo");
	assert.deepEqual(days.map((day) => [day.heading, day.recordings.length]), [["Today", 2], ["Yesterday", 1]]);
});

test("a position, as people write it", () => {
	const table = {
		"59.3293, 18.0686": [59.3293, 18.0686], "59.3293,18.0686": [59.3293, 18.0686], "59.3293 18.0686": [59.3293, 18.0686], "59,3293; 18,0686": [59.3293, 18.0686],
		"59,3293 18,0686": null, "-33.9, 151.2": [-33.9, 151.2], "33.9 S, 151.2 E": [-33.9, 151.2], "E 18.07, N 59.33": [59.33, 18.07], "59.33° N, 18.07° W": [59.33, -18.07],
		"91, 0": null, "0, 181": null, "59.3": null, "59.3, 18, 2": null, "N 59, N 18": null, "N 59 S, 18": null, "abc, 1": null, "": null, "1e3, 2": null,
	};
	for (const [text, expected] of Object.entries(table)) {
		const place = parsePlace(text);
		assert.deepEqual(place && [place.latitude, place.longitude], expected, text);
	}
});

test("a tag survives the form, and limits are bytes", () => {
	const tag = { category: "Arrest", caseNumber: "K-1", note: "å", latitude: 59.3293, longitude: 18.0686, revision: 4 };
	const draft = draftOf(tag);
	assert.deepEqual({ ...tagOf(draft), revision: 4 }, tag);
	assert.ok(sameDraft(draft, draftOf({ ...tag })));
	assert.deepEqual(draftErrors(draft), {});
	assert.deepEqual(draftErrors({ ...draft, note: "å".repeat(128) }), {});
	assert.match(draftErrors({ ...draft, note: "å".repeat(129) }).note, /by 2 /);
	assert.match(draftErrors({ ...draft, category: "x".repeat(49) }).category, /by 1 character:/);
	assert.ok(draftErrors({ ...draft, place: "somewhere" }).place);
	assert.deepEqual(contract.tagBody(tagOf({ category: " a ", caseNumber: "", note: "", place: "" })), { category: "a", case_number: "", note: "", latitude: null, longitude: null });
});

test("addresses", () => {
	for (const route of [{ screen: "home" }, { screen: "pair" }, { screen: "live" }, { screen: "recording", id: hex(77) }])
		assert.deepEqual(parseRoute(address(route)), route);
	for (const odd of ["", "#", "#/recording/", "#/recording/xyz", "#/nowhere", "#token=00"])
		assert.deepEqual(parseRoute(odd), { screen: "home" });
});

test("keys", () => {
	const press = (key, more = {}) => playerCommand({ key, shiftKey: false, altKey: false, ctrlKey: false, metaKey: false, ...more });
	assert.deepEqual(press(" "), { do: "toggle" });
	assert.deepEqual(press("ArrowLeft"), { do: "skip", seconds: -5 });
	assert.deepEqual(press("ArrowRight", { shiftKey: true }), { do: "skip", seconds: 1 });
	assert.equal(press("ArrowRight", { altKey: true }), null); // the browser's "forward"
	assert.equal(press("x"), null);
	assert.ok(wantsKey("TEXTAREA", null, "ArrowLeft"));
	assert.ok(wantsKey("INPUT", "text", " "));
	assert.ok(!wantsKey("INPUT", "range", "ArrowLeft"));
	assert.ok(wantsKey("BUTTON", null, " "));
	assert.ok(!wantsKey("BUTTON", null, "ArrowLeft"));
});

const bytes = (...parts) => new DataView(Uint8Array.from(parts.flatMap((part) => typeof part === "string" ? [...new TextEncoder().encode(part)] : part)).buffer);
const url = (text) => ({ recordType: "url", data: bytes(text) });
const words = (text, encoding = "utf-8") => ({ recordType: "text", encoding, data: bytes(text) });
const key = (length = 16) => ({ recordType: "lanyard.org:key", data: bytes(Array.from({ length }, (_, i) => i * 17)) });

test("a camera's tag says serial, model and key", () => {
	const camera = url("urn:lanyard:camera:LY1-000042");
	assert.deepEqual(readTag([words("Lanyard One LY1-000042"), camera, key()]),
		{ serial: "LY1-000042", model: "Lanyard One", fingerprint: "0011-2233-4455-6677-8899-aabb-ccdd-eeff" });
	assert.deepEqual(readTag([camera]), { serial: "LY1-000042", model: null, fingerprint: null });
	assert.equal(readTag([words("<b> LY1-000042"), camera]).model, null);
	assert.equal(readTag([words("Lanyard One LY1-000042", "utf-16"), camera]).model, null);
	assert.deepEqual(readTag([url("https://example.com/"), { recordType: "smart-poster" }, camera]).serial, "LY1-000042");
});

test("a tag that anybody wrote is no camera's", () => {
	const camera = url("urn:lanyard:camera:S1");
	for (const [reason, ...records] of [["tag-empty"], ["tag-empty", { recordType: "empty" }], ["tag-foreign", url("https://example.com/")], ["tag-foreign", words("S1")],
		["ndef-malformed", camera, url("urn:lanyard:camera:S2")], ["ndef-malformed", camera, key(), key()], ["ndef-malformed", camera, key(15)],
		["ndef-malformed", camera, { recordType: "lanyard.org:key" }], ["ndef-malformed", key()], ["ndef-malformed", url("urn:lanyard:camera:")],
		["ndef-malformed", url("urn:lanyard:camera:S 1")], ["ndef-malformed", url(`urn:lanyard:camera:${"S".repeat(33)}`)], ["ndef-malformed", url("urn:lanyard:camera:=1")]])
		assert.equal(readTag(records), reason);
});
