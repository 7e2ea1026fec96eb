// The camera at a glance. Says "connected" only while companiond answers and has a live session.
import type { JSX } from "preact";
import type { Status } from "../contract.ts";
import { bytes, clock, clockSkew, timeOfDay } from "../format.ts";
import { sentence } from "../problem.ts";
import { link, live, now, recordings, status, statusAt } from "../store.ts";
import { dropChannel } from "../channel.ts";
import * as api from "../api.ts";
import { attempt } from "../store.ts";
import { BatteryIcon, BluetoothIcon, ClockIcon, StorageIcon, WifiIcon } from "./icons.tsx";
import { Time } from "./parts.tsx";

interface Connection {
	readonly tone: "good" | "wait" | "off";
	readonly word: string;
	readonly detail: string | null;
}

export function connection(current: Status): Connection {
	if (link.value !== "online")
		return { tone: "off", word: "Unknown", detail: "The companion is not answering." };
	if (current.bluetooth !== "ready")
		return { tone: "off", word: "No Bluetooth", detail: sentence(current.bluetooth) };
	switch (current.state) {
	case "live":
		return { tone: "good", word: "Connected", detail: null };
	case "connecting":
		return { tone: "wait", word: "Connecting", detail: current.reason ? sentence(current.reason) : null };
	case "idle":
	case "scanning":
	case "pairing":
	case "paired":
		return { tone: "off", word: "Not connected", detail: sentence(current.reason ?? "not-connected") };
	}
}

/** The camera's clock now: what it said, and what has passed since. */
function cameraNow(current: Status): number | null {
	const at = current.camera?.timeUs;
	return at ? at + Math.max(0, now.value - statusAt.value) * 1000 : null;
}

function RecorderCell(props: { readonly current: Status }): JSX.Element {
	const camera = props.current.camera;
	const recorder = live.value ? camera?.recorder ?? "unknown" : "unknown";
	const active = recordings.value.items.find((item) => item.id === camera?.recordingId);
	const clockNow = cameraNow(props.current);
	const words = { off: "Off", buffering: "Ready", event: "Recording", unknown: "Unknown" };
	const notes = { off: "Not filming", buffering: "Buffering", event: "", unknown: live.value ? "Does not answer" : "" };
	const elapsed = recorder === "event" && active && clockNow ? clock((clockNow - active.startedUs) / 1e6) : null;
	return (
		<div class={`cell recorder ${recorder}`}>
			<dt>Recorder</dt>
			<dd>
				{recorder === "event" ? <span class="dot rec" aria-hidden="true" /> : <span class={recorder === "buffering" ? "dot ring" : "dot off"} aria-hidden="true" />}
				<span class="value">{words[recorder]}</span>
				<span class="note">{elapsed ?? notes[recorder]}</span>
			</dd>
		</div>
	);
}

export function StatusStrip(): JSX.Element | null {
	const current = status.value;
	const camera = current?.camera;
	if (!current || !camera)
		return null;
	const state = connection(current);
	const battery = live.value ? camera.batteryPercent : null;
	const free = live.value ? camera.freeBytes : null;
	const clockNow = live.value ? cameraNow(current) : null;
	const skew = clockNow === null ? null : clockSkew(clockNow, Date.now() * 1000);
	return (
		<section class="strip" aria-label="Camera">
			<dl>
				<div class={`cell connection ${state.tone}`} aria-live="polite">
					<dt>Connection</dt>
					<dd><BluetoothIcon /><span class="value">{state.word}</span></dd>
				</div>
				<RecorderCell current={current} />
				<div class={battery !== null && battery <= 15 ? "cell low" : "cell"}>
					<dt>Battery</dt>
					<dd><BatteryIcon percent={battery} /><span class="value">{battery === null ? "–" : `${battery} %`}</span></dd>
				</div>
				<div class={free !== null && free < 1e9 ? "cell low" : "cell"}>
					<dt>Storage</dt>
					<dd><StorageIcon /><span class="value">{free === null ? "–" : bytes(free)}</span><span class="note">{free === null ? "" : "free"}</span></dd>
				</div>
				<div class={skew ? "cell low" : "cell"}>
					<dt>Camera time</dt>
					<dd><ClockIcon /><span class="value">{clockNow === null ? "–" : <Time us={clockNow}>{timeOfDay(clockNow)}</Time>}</span><span class="note">{skew ?? ""}</span></dd>
				</div>
			</dl>
			{state.detail && link.value === "online" && <p class="strip-detail" role="status">{state.detail}</p>}
			{live.value && current.wifi.mode !== "off" && (
				<div class="strip-wifi">
					<WifiIcon />
					<span>{current.wifi.mode === "media-ready" ? "The camera's Wi-Fi is on." : "The camera's Wi-Fi is coming up."}</span>
					<button type="button" class="button small" onClick={() => { dropChannel(); void attempt(api.closeWifi); }}>Switch off</button>
				</div>
			)}
		</section>
	);
}
