// The player's keyboard, as a table. Pure.

export type PlayerCommand =
	| { readonly do: "toggle" | "mute" | "fullscreen" | "start" | "end" }
	| { readonly do: "skip"; readonly seconds: number };

export interface KeyPress {
	readonly key: string;
	readonly shiftKey: boolean;
	readonly altKey: boolean;
	readonly ctrlKey: boolean;
	readonly metaKey: boolean;
}

/** A frame at 30 pictures a second: what the recorder makes unless told otherwise. */
const FRAME_S = 1 / 30;

export function playerCommand(press: KeyPress): PlayerCommand | null {
	if (press.altKey || press.ctrlKey || press.metaKey)
		return null;
	switch (press.key) {
	case " ":
	case "k":
		return { do: "toggle" };
	case "ArrowLeft":
		return { do: "skip", seconds: press.shiftKey ? -1 : -5 };
	case "ArrowRight":
		return { do: "skip", seconds: press.shiftKey ? 1 : 5 };
	case ",":
		return { do: "skip", seconds: -FRAME_S };
	case ".":
		return { do: "skip", seconds: FRAME_S };
	case "Home":
		return { do: "start" };
	case "End":
		return { do: "end" };
	case "m":
		return { do: "mute" };
	case "f":
		return { do: "fullscreen" };
	default:
		return null;
	}
}

/** Keys that the focused element needs for itself stay with it. */
export function wantsKey(tag: string, type: string | null, key: string): boolean {
	switch (tag) {
	case "TEXTAREA":
	case "SELECT":
		return true;
	case "INPUT":
		return type !== "range" || key === "Tab";
	case "BUTTON":
	case "A":
	case "SUMMARY":
		return key === " " || key === "Enter";
	default:
		return false;
	}
}
