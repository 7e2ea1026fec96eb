// The media channel, for whoever shows pictures: held by players, opened on demand, closed when the last one has let go.
import { effect, signal } from "@preact/signals";
import * as api from "./api.ts";
import { problemFrom } from "./problem.ts";
import { CHANNEL_CLOSED, channelNext, type ChannelEvent, type ChannelState } from "./state/channel.ts";
import { status } from "./store.ts";

/** From one recording to the next is a few seconds: switching the camera's radio off and on again in between helps nobody. */
const LINGER_MS = 8_000;

export const channel = signal<ChannelState>(CHANNEL_CLOSED);
let holders = 0;
let lingering: ReturnType<typeof setTimeout> | undefined;

function dispatch(event: ChannelEvent): void {
	const { state, effect: work } = channelNext(channel.peek(), event);
	channel.value = state;
	if (work === "open")
		void open();
	else if (work === "close")
		void close();
}

async function open(): Promise<void> {
	try {
		await api.openWifi();
		dispatch({ type: "accepted", now: performance.now() });
	} catch (error) {
		dispatch({ type: "refused", problem: problemFrom(error) });
	}
}

async function close(): Promise<void> {
	try {
		await api.closeWifi();
	} catch {
		// companiond has an idle limit of its own; the status shows when the radio stays on.
	}
}

/** Wants the channel until the returned function is called. */
export function holdChannel(): () => void {
	holders++;
	clearTimeout(lingering);
	ensureChannel();
	let held = true;
	return () => {
		if (!held)
			return;
		held = false;
		if (--holders === 0)
			lingering = setTimeout(() => dispatch({ type: "release" }), LINGER_MS);
	};
}

/** Opens it again after a failure or an idle time. */
export function ensureChannel(): void {
	const wifi = status.peek()?.wifi;
	if (wifi)
		dispatch({ type: "hold", wifi });
}

/** Nobody watches: the radio goes off, what is on the screen stays. */
export function restChannel(): void {
	dispatch({ type: "idle" });
}

/** The person asked for it, or the page goes away. */
export function dropChannel(): void {
	clearTimeout(lingering);
	dispatch({ type: "release" });
}

export function startChannel(): void {
	effect(() => {
		const wifi = status.value?.wifi;
		if (wifi)
			dispatch({ type: "status", wifi });
	});
	setInterval(() => {
		const wifi = status.peek()?.wifi;
		if (wifi)
			dispatch({ type: "tick", now: performance.now(), wifi });
	}, 500);
	addEventListener("pagehide", dropChannel);
}
