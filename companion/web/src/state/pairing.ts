// What became of a pairing, told from two status objects in a row. Pure.
import type { Status } from "../contract.ts";

export interface PairingOutcome {
	readonly camera: string;
	readonly name: string;
	/** Null: it worked. */
	readonly reason: string | null;
}

/** Outcome of the pairing that was in progress before and is not any more; undefined when none has just ended. */
export function pairingOutcome(before: Status | null, after: Status): PairingOutcome | undefined {
	if (!before?.pairing || after.pairing)
		return undefined;
	const camera = before.pairing.camera;
	const name = before.cameras.find((near) => near.id === camera)?.name ?? after.camera?.serial ?? "the camera";
	const paired = after.camera !== null && (after.state === "live" || after.state === "connecting" || after.state === "paired");
	// A camera that was paired before and still is proves nothing: then another key, or that nothing is wrong, does.
	const changed = before.camera?.fingerprint !== after.camera?.fingerprint;
	const worked = paired && (changed || after.reason === null);
	return { camera, name, reason: worked ? null : (after.reason ?? "cancelled") };
}

/** The word for each step, in the order they happen. */
export const PAIRING_STEPS = [
	{ step: "connecting", title: "Connecting" },
	{ step: "handshake", title: "Exchanging keys" },
	{ step: "compare", title: "Comparing the code" },
	{ step: "confirmed", title: "Waiting for Event on the camera" },
	{ step: "storing", title: "Storing the pairing" },
] as const;
