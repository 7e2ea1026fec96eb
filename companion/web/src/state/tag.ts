// What a camera's NFC tag says (docs/nfc.md), from the records that Web NFC hands over. Pure. Anybody may have written the tag.

export interface TagRecord {
	readonly recordType: string;
	readonly data?: DataView | null;
	readonly encoding?: string | null;
}

export interface TouchedCamera {
	readonly serial: string;
	/** Null: the tag says none. */
	readonly model: string | null;
	readonly fingerprint: string | null;
}

const URI = "urn:lanyard:camera:";
const SERIAL = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;
const MODEL = /^[A-Za-z0-9][\x20-\x7e]{0,31}$/;
const KEY_BYTES = 16;

function text(data: DataView | null | undefined): string {
	return data ? new TextDecoder().decode(data) : "";
}

function groups(data: DataView): string {
	const digits = Array.from({ length: KEY_BYTES }, (_, i) => data.getUint8(i).toString(16).padStart(2, "0")).join("");
	return digits.replace(/(.{4})(?=.)/g, "$1-");
}

/** The camera, or the reason code for which it is none. */
export function readTag(records: readonly TagRecord[]): TouchedCamera | string {
	if (records.every((record) => record.recordType === "empty"))
		return "tag-empty";
	const serials = records.filter((record) => record.recordType === "url").map((record) => text(record.data))
		.filter((uri) => uri.startsWith(URI)).map((uri) => uri.slice(URI.length));
	const keys = records.filter((record) => record.recordType === "lanyard.org:key").map((record) => record.data);
	const [serial] = serials, [key] = keys;
	if (serial === undefined && keys.length === 0)
		return "tag-foreign";
	if (serial === undefined || serials.length > 1 || !SERIAL.test(serial) || keys.length > 1 || (keys.length === 1 && key?.byteLength !== KEY_BYTES))
		return "ndef-malformed";
	const line = records.filter((record) => record.recordType === "text" && record.encoding !== "utf-16").map((record) => text(record.data))
		.find((words) => words.endsWith(` ${serial}`));
	const model = line?.slice(0, -serial.length - 1) ?? "";
	return { serial, model: MODEL.test(model) ? model : null, fingerprint: key ? groups(key) : null };
}
