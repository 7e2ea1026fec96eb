// companiond's HTTP API. Every failure becomes a Problem with the server's own sentence.
import { parseReceipt, parseRecordingPage, parseStatus, tagBody, type Receipt, type RecordingPage, type Status, type Tag } from "./contract.ts";
import { Problem } from "./problem.ts";

/** Answers that wait for the camera over Bluetooth; companiond has deadlines of its own well below this. */
const ANSWER_MS = 30_000;

async function problemOf(response: Response): Promise<Problem> {
	let body: unknown = null;
	try {
		body = await response.json();
	} catch {
		// An answer without JSON: its status is all there is.
	}
	const { reason, message } = (typeof body === "object" && body !== null ? body : {}) as { reason?: unknown; message?: unknown };
	const code = typeof reason === "string" ? reason : response.status === 401 || response.status === 403 ? "signed-out" : "internal";
	return new Problem(code, typeof message === "string" ? message : undefined, response.status);
}

export async function call(method: string, path: string, body?: unknown, options: RequestInit = {}): Promise<Response> {
	const deadline = new AbortController();
	const timer = setTimeout(() => deadline.abort(), ANSWER_MS);
	options.signal?.addEventListener("abort", () => deadline.abort(), { once: true });
	let response: Response;
	try {
		response = await fetch(path, {
			credentials: "same-origin",
			cache: "no-store",
			...options,
			signal: deadline.signal,
			method,
			...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
		});
	} catch (error) {
		if (options.signal?.aborted)
			throw error;
		throw new Problem(deadline.signal.aborted ? "timeout" : "companion-gone");
	} finally {
		clearTimeout(timer);
	}
	if (!response.ok)
		throw await problemOf(response);
	return response;
}

export async function login(token: string): Promise<void> {
	await call("POST", "/api/login", { token });
}

export async function getStatus(signal?: AbortSignal): Promise<Status> {
	return parseStatus(await (await call("GET", "/api/status", undefined, signal ? { signal } : {})).json());
}

export async function listRecordings(before: string | null, limit: number): Promise<RecordingPage> {
	const query = new URLSearchParams({ limit: String(limit), ...(before ? { before } : {}) });
	return parseRecordingPage(await (await call("GET", `/api/recordings?${query}`)).json());
}

export async function thumbnail(id: string): Promise<Blob> {
	return (await call("GET", `/api/recordings/${id}/thumbnail`)).blob();
}

export async function saveTag(id: string, tag: Omit<Tag, "revision">): Promise<Receipt> {
	const receipt = parseReceipt(await (await call("PUT", `/api/recordings/${id}/tag`, tagBody(tag))).json());
	if (!receipt)
		throw new Problem("message-malformed");
	return receipt;
}

export const mediaUrl = (id: string): string => `/api/recordings/${id}/media`;
export const LIVE_URL = "/api/live";

export const scan = (): Promise<Response> => call("POST", "/api/scan");
export const stopScan = (): Promise<Response> => call("DELETE", "/api/scan");
/** fingerprint: of the one camera that is accepted, or null. */
export const pair = (camera: string, fingerprint: string | null): Promise<Response> => call("POST", "/api/pair", { camera, fingerprint });
export const confirmPairing = (code: string): Promise<Response> => call("POST", "/api/pair/confirm", { code });
export const stopPairing = (): Promise<Response> => call("DELETE", "/api/pair");
export const forget = (): Promise<Response> => call("POST", "/api/forget");
export const record = (start: boolean): Promise<Response> => call("POST", "/api/record", { start });
export const openWifi = (): Promise<Response> => call("POST", "/api/wifi");
/** keepalive: goes out even while the page is being closed. */
export const closeWifi = (): Promise<Response> => call("DELETE", "/api/wifi", undefined, { keepalive: true });
