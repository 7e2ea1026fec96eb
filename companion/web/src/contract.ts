// What companiond says (docs/http/openapi.yaml). Parsing is lenient on what is absent and strict on what is used: a page that is older or
// newer than its daemon must show less, never break.

export type SessionState = "idle" | "scanning" | "pairing" | "paired" | "connecting" | "live";
export type RecorderState = "off" | "buffering" | "event" | "unknown";
export type WifiMode = "off" | "starting" | "joining" | "media-ready";
export type PairingStep = "connecting" | "handshake" | "compare" | "confirmed" | "storing";
export type RecordingState = "active" | "complete" | "cut-short";

export interface NearCamera {
	readonly id: string;
	readonly name: string;
	/** dBm, null when the adapter does not tell. */
	readonly rssi: number | null;
	/** Milliseconds since it was last heard, when the status was made. */
	readonly seenMs: number;
}

export interface Pairing {
	readonly camera: string;
	readonly step: PairingStep;
	/** Six digits during "compare". */
	readonly code: string | null;
}

export interface Camera {
	readonly serial: string;
	readonly model: string;
	readonly fingerprint: string;
	readonly recorder: RecorderState;
	readonly recordingId: string | null;
	readonly freeBytes: number | null;
	readonly batteryPercent: number | null;
	/** Camera's clock, microseconds since 1970 UTC, when the status was made. */
	readonly timeUs: number | null;
	readonly firmware: string;
}

export interface Wifi {
	readonly mode: WifiMode;
	readonly reason: string | null;
	readonly upMs: number | null;
	readonly joinMs: number | null;
	readonly mediaMs: number | null;
}

export interface Status {
	readonly state: SessionState;
	readonly reason: string | null;
	/** "ready" or a reason code. */
	readonly bluetooth: string;
	readonly cameras: readonly NearCamera[];
	readonly pairing: Pairing | null;
	readonly camera: Camera | null;
	readonly wifi: Wifi;
}

export interface Tag {
	readonly category: string;
	readonly caseNumber: string;
	readonly note: string;
	/** Degrees, both null without a position. */
	readonly latitude: number | null;
	readonly longitude: number | null;
	/** 0: never tagged. */
	readonly revision: number;
}

export interface Recording {
	readonly id: string;
	readonly startedUs: number;
	readonly durationMs: number;
	readonly size: number;
	readonly state: RecordingState;
	readonly reason: string;
	readonly sha256: string | null;
	readonly thumbnail: boolean;
	readonly tag: Tag;
}

/** Limits of proto/footage.proto, in bytes of UTF-8. */
export const TAG_LIMITS = { category: 48, caseNumber: 48, note: 256 } as const;

type Json = Record<string, unknown>;

function object(value: unknown): Json {
	return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

function text(value: unknown): string {
	return typeof value === "string" ? value : "";
}

function textOrNull(value: unknown): string | null {
	return typeof value === "string" && value !== "" ? value : null;
}

function number(value: unknown): number | null {
	return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function oneOf<T extends string>(value: unknown, known: readonly T[], otherwise: T): T {
	return known.includes(value as T) ? (value as T) : otherwise;
}

/** A received signal strength that no radio can report (BlueZ says 127 for "unknown") is no strength. */
function strength(value: unknown): number | null {
	const dbm = number(value);
	return dbm !== null && dbm >= -127 && dbm <= 20 ? dbm : null;
}

function parseCamera(value: unknown): Camera | null {
	if (typeof value !== "object" || value === null)
		return null;
	const json = object(value);
	return {
		serial: text(json.serial),
		model: text(json.model),
		fingerprint: text(json.fingerprint),
		recorder: oneOf(json.recorder, ["off", "buffering", "event", "unknown"], "unknown"),
		recordingId: textOrNull(json.recording_id),
		freeBytes: number(json.free_bytes),
		batteryPercent: number(json.battery_percent),
		timeUs: number(json.time_us) || null,
		firmware: text(json.firmware),
	};
}

function parsePairing(value: unknown): Pairing | null {
	if (typeof value !== "object" || value === null)
		return null;
	const json = object(value);
	const code = text(json.code);
	return {
		camera: text(json.camera),
		step: oneOf(json.step, ["connecting", "handshake", "compare", "confirmed", "storing"], "connecting"),
		code: /^\d{6}$/.test(code) ? code : null,
	};
}

export function parseStatus(value: unknown): Status {
	const json = object(value);
	const wifi = object(json.wifi);
	const stages = object(wifi.stages);
	const cameras = Array.isArray(json.cameras) ? json.cameras.map(object) : [];
	return {
		state: oneOf(json.state, ["idle", "scanning", "pairing", "paired", "connecting", "live"], "idle"),
		reason: textOrNull(json.reason),
		bluetooth: text(json.bluetooth) || "ready",
		cameras: cameras
			.filter((camera) => text(camera.id) !== "")
			.map((camera) => ({
				id: text(camera.id),
				name: text(camera.name),
				rssi: strength(camera.rssi),
				seenMs: number(camera.seen_ms) ?? 0,
			})),
		pairing: parsePairing(json.pairing),
		camera: parseCamera(json.camera),
		wifi: {
			mode: oneOf(wifi.mode, ["off", "starting", "joining", "media-ready"], "off"),
			reason: textOrNull(wifi.reason),
			upMs: number(stages.up_ms),
			joinMs: number(stages.join_ms),
			mediaMs: number(stages.media_ms),
		},
	};
}

function parseTag(value: unknown): Tag {
	const json = object(value);
	const latitude = number(json.latitude);
	const longitude = number(json.longitude);
	const positioned = latitude !== null && longitude !== null;
	return {
		category: text(json.category),
		caseNumber: text(json.case_number),
		note: text(json.note),
		latitude: positioned ? latitude : null,
		longitude: positioned ? longitude : null,
		revision: number(json.revision) ?? 0,
	};
}

/** Null when it is no whole recording, or has no usable id: that goes into addresses. */
export function parseRecording(value: unknown): Recording | null {
	const json = object(value);
	const id = text(json.id);
	const startedUs = number(json.started_us);
	if (!/^[0-9a-f]{32}$/.test(id) || startedUs === null)
		return null;
	return {
		id,
		startedUs,
		durationMs: number(json.duration_ms) ?? 0,
		size: number(json.size) ?? 0,
		state: oneOf(json.state, ["active", "complete", "cut-short"], "complete"),
		reason: text(json.reason),
		sha256: textOrNull(json.sha256),
		thumbnail: json.thumbnail === true,
		tag: parseTag(json.tag),
	};
}

export interface RecordingPage {
	readonly recordings: readonly Recording[];
	readonly more: boolean;
}

export function parseRecordingPage(value: unknown): RecordingPage {
	const json = object(value);
	const list = Array.isArray(json.recordings) ? json.recordings : [];
	return { recordings: list.map(parseRecording).filter((item): item is Recording => item !== null), more: json.more === true };
}

/** A tag as PUT /api/recordings/{id}/tag takes it. */
export function tagBody(tag: Omit<Tag, "revision">): Json {
	return {
		category: tag.category,
		case_number: tag.caseNumber,
		note: tag.note,
		latitude: tag.latitude,
		longitude: tag.longitude,
	};
}

export interface Receipt {
	readonly revision: number;
	readonly timeUs: number;
}

/** Null when it is no receipt: then nothing may be called saved. */
export function parseReceipt(value: unknown): Receipt | null {
	const json = object(value);
	const revision = number(json.revision);
	const timeUs = number(json.time_us);
	return revision !== null && revision > 0 && timeUs !== null ? { revision, timeUs } : null;
}
