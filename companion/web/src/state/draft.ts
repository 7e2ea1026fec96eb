// What is in the tag form, before it is a tag. Pure.
import { TAG_LIMITS, type Tag } from "../contract.ts";
import { position, utf8Length } from "../format.ts";

export interface Draft {
	readonly category: string;
	readonly caseNumber: string;
	readonly note: string;
	/** As typed: "59.32930, 18.06860", or empty. */
	readonly place: string;
}

export type DraftField = keyof Draft;

/** Offered in the form; an agency's own words go into the free text. */
export const CATEGORIES = [
	"Traffic stop",
	"Traffic accident",
	"Arrest",
	"Use of force",
	"Disturbance",
	"Domestic incident",
	"Witness statement",
	"Welfare check",
	"Search",
	"Training or test",
] as const;

export function draftOf(tag: Tag): Draft {
	const { category, caseNumber, note, latitude, longitude } = tag;
	return { category, caseNumber, note, place: latitude !== null && longitude !== null ? position(latitude, longitude) : "" };
}

export function sameDraft(a: Draft, b: Draft): boolean {
	return a.category === b.category && a.caseNumber === b.caseNumber && a.note === b.note && a.place.trim() === b.place.trim();
}

export interface Place {
	readonly latitude: number;
	readonly longitude: number;
}

/** "lat, lon", "lat lon", decimal point or (when a semicolon or blank separates) decimal comma, N S E W in front or behind. */
export function parsePlace(text: string): Place | null {
	const parts = /[;]/.test(text) ? text.split(";") : /,\s|\s,/.test(text) ? text.split(/\s*,\s+|\s+,\s*/) : text.split(/\s+|,/);
	const fields = parts.map((part) => part.trim()).filter(Boolean);
	if (fields.length !== 2)
		return null;
	const values = fields.map((field) => degrees(field));
	let [first, second] = values as [ReturnType<typeof degrees>, ReturnType<typeof degrees>];
	if (!first || !second)
		return null;
	if (first.axis === "longitude" || second.axis === "latitude")
		[first, second] = [second, first];
	if (first.axis === "longitude" || second.axis === "latitude")
		return null;
	if (Math.abs(first.value) > 90 || Math.abs(second.value) > 180)
		return null;
	return { latitude: first.value, longitude: second.value };
}

function degrees(field: string): { value: number; axis: "latitude" | "longitude" | null } | null {
	const match = /^([NSEW])?\s*([+-]?\d{1,3}(?:[.,]\d{1,12})?)\s*°?\s*([NSEW])?$/i.exec(field);
	if (!match || (match[1] && match[3]))
		return null;
	const side = (match[1] ?? match[3] ?? "").toUpperCase();
	const size = Number((match[2] ?? "").replace(",", "."));
	const value = side === "S" || side === "W" ? -size : size;
	return { value, axis: side === "" ? null : side === "N" || side === "S" ? "latitude" : "longitude" };
}

/** What is wrong with a field, by field; empty when it can be saved. */
export function draftErrors(draft: Draft): Partial<Record<DraftField, string>> {
	const errors: Partial<Record<DraftField, string>> = {};
	for (const [field, limit] of Object.entries(TAG_LIMITS) as [keyof typeof TAG_LIMITS, number][]) {
		const over = utf8Length(draft[field].trim()) - limit;
		if (over > 0)
			errors[field] = `Too long by ${over} ${over === 1 ? "character" : "characters"}: the camera keeps ${limit} bytes.`;
	}
	if (draft.place.trim() !== "" && parsePlace(draft.place) === null)
		errors.place = "Not a position. Write it as latitude, longitude: 59.32930, 18.06860";
	return errors;
}

/** Only for a draft without errors. */
export function tagOf(draft: Draft): Omit<Tag, "revision"> {
	const place = draft.place.trim() === "" ? null : parsePlace(draft.place);
	return {
		category: draft.category.trim(),
		caseNumber: draft.caseNumber.trim(),
		note: draft.note.trim(),
		latitude: place?.latitude ?? null,
		longitude: place?.longitude ?? null,
	};
}
