// The list of recordings: merging pages and changes, filtering, grouping by day. Pure.
import type { Recording } from "../contract.ts";
import { dateTime, dayHeading, dayKey } from "../format.ts";

export type Filter = "all" | "untagged" | "tagged";

function newestFirst(a: Recording, b: Recording): number {
	return b.startedUs - a.startedUs || (a.id < b.id ? 1 : -1);
}

/** Puts `fresh` into `list`; for a recording in both, the fresh one counts. */
export function merge(list: readonly Recording[], fresh: readonly Recording[]): Recording[] {
	const byId = new Map(list.map((item) => [item.id, item]));
	for (const item of fresh)
		byId.set(item.id, item);
	return [...byId.values()].sort(newestFirst);
}

/**
 * The newest page was read again: what is newer than its last entry and not in it is gone from the camera (offloaded at the dock). `more`
 * false: the page is the whole list.
 */
export function refresh(list: readonly Recording[], page: readonly Recording[], more: boolean): Recording[] {
	const last = page[page.length - 1];
	if (!more || !last)
		return [...page].sort(newestFirst);
	const kept = list.filter((item) => newestFirst(item, last) > 0);
	return merge(kept, page);
}

export function isTagged(recording: Recording): boolean {
	return recording.tag.revision > 0;
}

/** Every word of the query is found somewhere in what the person sees or typed. */
export function matches(recording: Recording, filter: Filter, query: string): boolean {
	if (filter === "untagged" && isTagged(recording))
		return false;
	if (filter === "tagged" && !isTagged(recording))
		return false;
	const words = query.toLocaleLowerCase("en").split(/\s+/).filter(Boolean);
	const { category, caseNumber, note } = recording.tag;
	const haystack = [category, caseNumber, note, dateTime(recording.startedUs), recording.id].join("\n").toLocaleLowerCase("en");
	return words.every((word) => haystack.includes(word));
}

export interface Day {
	readonly key: string;
	readonly heading: string;
	readonly recordings: readonly Recording[];
}

export function groupByDay(list: readonly Recording[], nowUs: number, timeZone?: string): Day[] {
	const days: { key: string; heading: string; recordings: Recording[] }[] = [];
	for (const recording of list) {
		const key = dayKey(recording.startedUs, timeZone);
		const last = days[days.length - 1];
		if (last?.key === key)
			last.recordings.push(recording);
		else
			days.push({ key, heading: dayHeading(recording.startedUs, nowUs, timeZone), recordings: [recording] });
	}
	return days;
}
