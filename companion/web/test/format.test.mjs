import assert from "node:assert/strict";
import { test } from "node:test";
import * as format from "../src/format.ts";

const us = (text) => Date.parse(text) * 1000;
const rows = (name, call, table) => test(name, () => {
	for (const [input, expected] of table)
		assert.equal(call(...[input].flat()), expected, JSON.stringify(input));
});

rows("bytes", format.bytes, [
	[0, "0 B"], [999, "999 B"], [1000, "1.0 kB"], [9_940, "9.9 kB"], [9_960, "10 kB"], [999_499, "999 kB"], [999_600, "1.0 MB"], [48_300_000_000, "48 GB"],
	[5e15, "5000 TB"], [-3, "0 B"],
]);
rows("duration", format.duration, [[0, "0:00"], [1, "0:01"], [999, "0:01"], [1499, "0:01"], [59_600, "1:00"], [754_000, "12:34"], [3_723_000, "1:02:03"]]);
rows("clock of what a video says before it knows", format.clock, [[NaN, "0:00"], [Infinity, "0:00"], [-1, "0:00"], [61.9, "1:01"]]);
rows("spokenDuration", format.spokenDuration, [[0, "0 seconds"], [1, "1 second"], [61, "1 minute 1 second"], [3600, "1 hour"], [7325, "2 hours 2 minutes 5 seconds"]]);
rows("stage", format.stage, [[640, "0.6 s"], [1840, "1.8 s"], [9949, "9.9 s"], [9951, "10 s"]]);
rows("signalBars", format.signalBars, [[null, null], [-100, 0], [-90, 1], [-79, 2], [-60, 3], [-40, 4]]);
rows("signalWord", format.signalWord, [[null, "signal strength unknown"], [-95, "very weak signal"], [-50, "strong signal"]]);
rows("startReason", format.startReason, [
	["", "Not told"], ["manual", "Button on the camera"], ["companion", "From the companion"], ["signal:light-bar", "Signal: light bar"], ["signal:light-bar:unverified", "Signal: light bar (unverified)"], ["pre_event", "Pre event"],
]);
rows("utf8Length", format.utf8Length, [["", 0], ["abc", 3], ["å", 2], ["🚓", 4]]);
rows("position", (latitude, longitude) => format.position(latitude, longitude), [[[59.32931, -18.0686], "59.32931, -18.06860"]]);
rows("clockSkew", (camera, now) => format.clockSkew(camera, now), [
	[[0, 0], null], [[4_400_000, 0], null], [[5_000_000, 0], "5 s fast"], [[0, 300_000_000], "5 min slow"], [[0, 7.3e9], "2 h slow"], [[0, 9e11], "wrong date"],
]);

test("a time is shown where the reader is, and in UTC beside it", () => {
	const moment = us("2025-11-27T23:30:05Z");
	assert.equal(format.dateTime(moment, "Europe/Stockholm"), "28 Nov 2025, 00:30:05");
	assert.equal(format.timeOfDay(moment, "America/New_York"), "18:30");
	assert.equal(format.utc(moment), "2025-11-27 23:30:05 UTC");
});

test("days are the reader's, also over a change of clocks", () => {
	const zone = "Europe/Stockholm";
	const now = us("2025-10-26T22:30:00Z"); // 23:30, winter time since this morning: a day of 25 hours
	assert.equal(format.dayHeading(us("2025-10-25T22:10:00Z"), now, zone), "Today"); // 00:10 summer time
	assert.equal(format.dayHeading(us("2025-10-25T21:50:00Z"), now, zone), "Yesterday");
	assert.equal(format.dayHeading(us("2025-10-24T21:50:00Z"), now, zone), "Friday 24 October");
	assert.equal(format.dayHeading(us("2024-12-31T21:50:00Z"), now, zone), "Tuesday 31 December 2024");
});
