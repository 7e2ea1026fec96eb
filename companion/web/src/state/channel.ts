// The media channel (camera's Wi-Fi) as the page sees it. Pure: events in, next state and what to do out.
//
// POST /api/wifi only says that work has begun; how it ends comes through the status. A reason that stood there before we asked is an old
// story, so a failure counts only after the mode was seen to leave "off", or when it has not within START_MS.
import type { Wifi } from "../contract.ts";
import { Problem } from "../problem.ts";

export type ChannelPhase = "closed" | "opening" | "ready" | "failed" | "idle";

export interface ChannelState {
	readonly phase: ChannelPhase;
	readonly askedAt: number | null;
	readonly moved: boolean;
	readonly problem: Problem | null;
}

export type ChannelEvent =
	| { readonly type: "hold"; readonly wifi: Wifi }
	| { readonly type: "accepted"; readonly now: number }
	| { readonly type: "refused"; readonly problem: Problem }
	| { readonly type: "status"; readonly wifi: Wifi }
	| { readonly type: "tick"; readonly now: number; readonly wifi: Wifi }
	| { readonly type: "idle" }
	| { readonly type: "release" };

export type ChannelEffect = "open" | "close" | null;

/** A camera that was asked and has not begun by then will not. */
export const START_MS = 5_000;

export const CHANNEL_CLOSED: ChannelState = { phase: "closed", askedAt: null, moved: false, problem: null };

const READY: ChannelState = { phase: "ready", askedAt: null, moved: true, problem: null };

function failed(problem: Problem): ChannelState {
	return { phase: "failed", askedAt: null, moved: false, problem };
}

export function channelNext(state: ChannelState, event: ChannelEvent): { state: ChannelState; effect: ChannelEffect } {
	const stay = { state, effect: null } as const;
	switch (event.type) {
	case "hold":
		if (state.phase === "opening" || state.phase === "ready")
			return stay;
		if (event.wifi.mode === "media-ready")
			return { state: READY, effect: null };
		return { state: { phase: "opening", askedAt: null, moved: event.wifi.mode !== "off", problem: null }, effect: "open" };
	case "accepted":
		return state.phase === "opening" ? { state: { ...state, askedAt: event.now }, effect: null } : stay;
	case "refused":
		return state.phase === "opening" ? { state: failed(event.problem), effect: null } : stay;
	case "status":
		return { state: followStatus(state, event.wifi), effect: null };
	case "tick":
		if (state.phase === "opening" && !state.moved && state.askedAt !== null && event.now - state.askedAt > START_MS)
			return { state: failed(new Problem(event.wifi.reason ?? "timeout")), effect: null };
		return stay;
	case "idle":
		return state.phase === "ready" ? { state: { ...CHANNEL_CLOSED, phase: "idle" }, effect: "close" } : stay;
	case "release":
		return { state: CHANNEL_CLOSED, effect: state.phase === "opening" || state.phase === "ready" ? "close" : null };
	}
}

function followStatus(state: ChannelState, wifi: Wifi): ChannelState {
	if (state.phase === "opening") {
		if (wifi.mode === "media-ready")
			return READY;
		if (wifi.mode !== "off")
			return state.moved ? state : { ...state, moved: true };
		return state.moved ? failed(new Problem(wifi.reason ?? "ap-failed")) : state;
	}
	if (state.phase === "ready" && wifi.mode !== "media-ready")
		return wifi.mode === "off" ? failed(new Problem(wifi.reason ?? "media-closed")) : { phase: "opening", askedAt: null, moved: true, problem: null };
	return state;
}
