// A stand-in for companiond: speaks docs/http/openapi.yaml with an imagined camera, for working on the page and for the states that a real
// camera shows rarely (states.mjs). What counts is shown against the real daemons (flows.mjs); nothing of this is ever installed.
//
//   node dev-server.mjs [--port 8621] [--dist DIR] [--paired] [--media FILE]
//
// Prints the address with its token. Controls, for tests, as POST without a token to /dev/...: press {"buttons": true}, confirm, reject, drop,
// back, status {...} (merged into the status), refuse {"METHOD /path": {"status", "reason", "message"}}, recording {...}, miss {...} (a recording
// that nobody is told of, as every stream breaks before), log.
import { execFileSync } from "node:child_process";
import { randomBytes, timingSafeEqual } from "node:crypto";
import { createReadStream, existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const types = { html: "text/html; charset=utf-8", js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8", svg: "image/svg+xml", woff2: "font/woff2" };
const POLICY = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** A fragmented MP4 like the recorder's, written to a pipe so that nothing in front tells its length; made once. */
export function sampleMedia(seconds = 40) {
	const folder = join(tmpdir(), "lanyard-page-samples");
	const file = join(folder, `sample-${seconds}.mp4`);
	mkdirSync(folder, { recursive: true });
	if (!existsSync(file)) {
		const pipeline = `videotestsrc num-buffers=${seconds * 30} pattern=ball ! video/x-raw,width=640,height=360,framerate=30/1 ! timeoverlay font-desc="Sans 28" ! openh264enc bitrate=1500000 gop-size=30 ! h264parse ! video/x-h264,stream-format=avc ! queue ! mux. audiotestsrc wave=ticks num-buffers=${Math.floor((seconds * 44100) / 1024)} samplesperbuffer=1024 ! audio/x-raw,rate=44100,channels=1 ! voaacenc bitrate=64000 ! aacparse ! queue ! mux. mp4mux name=mux fragment-duration=1000 streamable=true ! fdsink`;
		execFileSync("sh", ["-c", `gst-launch-1.0 -q ${pipeline.replace(/!/g, "\\!").replaceAll("\\!", "!")} 2>/dev/null | cat > "$0.part" && mv "$0.part" "$0"`, file]);
		execFileSync("sh", ["-c", `gst-launch-1.0 -q videotestsrc num-buffers=1 pattern=smpte ! video/x-raw,width=160,height=90 ! jpegenc ! filesink location="$0" 2>/dev/null`, `${folder}/thumb.jpg`]);
	}
	return { file, thumb: join(folder, "thumb.jpg"), seconds };
}

export function startDevServer(options = {}) {
	const dist = options.dist ?? join(here, "../../companion/web/dist");
	const media = options.media ?? sampleMedia();
	const token = randomBytes(32);
	const cookie = randomBytes(32).toString("hex");
	const clients = new Set();
	const log = [];
	const nowUs = () => Date.now() * 1000;
	const id = () => randomBytes(16).toString("hex");
	let refusals = {};
	let silent = false;
	let timers = [];

	const recordings = [];
	function addRecording(fields) {
		recordings.push({
			id: id(), started_us: nowUs(), duration_ms: media.seconds * 1000, size: statSync(media.file).size, state: "complete", reason: "manual",
			sha256: randomBytes(32).toString("hex"), thumbnail: true,
			tag: { category: "", case_number: "", note: "", latitude: null, longitude: null, revision: 0 }, ...fields,
		});
		recordings.sort((a, b) => b.started_us - a.started_us);
	}
	const hour = 3600e6;
	addRecording({ started_us: nowUs() - 0.4 * hour, reason: "manual" });
	addRecording({ started_us: nowUs() - 1.7 * hour, reason: "signal:light-bar", tag: { category: "Traffic stop", case_number: "K-4711-25", note: "Broken tail light, warning given", latitude: 59.3293, longitude: 18.0686, revision: 2 } });
	addRecording({ started_us: nowUs() - 3.1 * hour, state: "cut-short", reason: "companion" });
	addRecording({ started_us: nowUs() - 26 * hour, tag: { category: "Witness statement", case_number: "K-4698-25", note: "", latitude: null, longitude: null, revision: 1 } });
	for (let i = 0; i < 30; i++)
		addRecording({ started_us: nowUs() - (30 + i * 7) * hour, thumbnail: i % 3 > 0 });

	const camera = {
		serial: "LY-0042-7F3A", model: "Reference camera", fingerprint: "9f2c-11ab-77e0-4c1d-03be-5a92-e6f4-d081", recorder: "buffering", recording_id: null,
		free_bytes: 48_300_000_000, battery_percent: 78, firmware: "0.1.0",
	};
	const near = { id: "5e01aa77c2", name: "LY-0042-7F3A", rssi: -54, seen_ms: 300, pairing: true };
	const status = {
		state: options.paired ? "live" : "idle", reason: null, bluetooth: "ready", cameras: [], pairing: null, camera: options.paired ? camera : null,
		wifi: { mode: "off", reason: null, stages: { up_ms: null, join_ms: null, media_ms: null } },
	};

	function snapshot() {
		return { ...status, camera: status.camera && { ...status.camera, time_us: nowUs() } };
	}
	function tell(event, data) {
		for (const client of clients)
			client.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
	}
	const changed = () => { if (!silent) tell("status", snapshot()); };
	const after = (ms, work) => { timers.push(setTimeout(() => { work(); changed(); }, ms)); };
	const clear = () => { timers.forEach(clearTimeout); timers = []; };

	function pairingEnds(reason) {
		clear();
		status.pairing = null;
		status.cameras = [];
		status.reason = reason;
		status.state = reason ? "idle" : "live";
		status.camera = reason ? null : camera;
		changed();
	}

	const dev = {
		press: () => { status.cameras = [near, { ...near, id: "77bb01", name: "LY-0107-22C0", rssi: 127 }]; },
		confirm: () => { status.pairing = { ...status.pairing, step: "storing", code: null }; after(400, () => pairingEnds(null)); },
		reject: (body) => pairingEnds(body.reason ?? "code-rejected"),
		status: (body) => { const { camera: cam, ...rest } = body; Object.assign(status, rest); if (cam === null) status.camera = null; else if (cam) status.camera = Object.assign(camera, cam); },
		refuse: (body) => { refusals = body; },
		recording: (body) => { const found = recordings.find((item) => item.id === body.id); if (found) Object.assign(found, body); else addRecording(body); tell("recording", found ?? recordings[0]); },
		drop: () => { silent = true; for (const client of clients) client.destroy(); },
		back: () => { silent = false; },
		miss: (body) => { for (const client of clients) client.destroy(); clients.clear(); dev.recording(body); },
		log: () => undefined,
	};

	function wifiUp() {
		clear();
		status.wifi = { mode: "starting", reason: null, stages: { up_ms: null, join_ms: null, media_ms: null } };
		if (options.manualWifi)
			return;
		const { stages } = status.wifi;
		after(options.fast ? 60 : 1800, () => { status.wifi = { ...status.wifi, mode: "joining", stages: { ...stages, up_ms: 1840 } }; });
		after(options.fast ? 120 : 3000, () => { status.wifi = { ...status.wifi, stages: { ...status.wifi.stages, join_ms: 1210 } }; });
		after(options.fast ? 180 : 3600, () => { status.wifi = { ...status.wifi, mode: "media-ready", stages: { ...status.wifi.stages, media_ms: 640 } }; });
	}
	function wifiDown(reason) {
		clear();
		status.wifi = { ...status.wifi, mode: "off", reason };
	}

	function sendRange(request, response, file, rate) {
		const size = statSync(file).size;
		const match = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
		const from = match ? Number(match[1]) : 0;
		const to = match?.[2] ? Math.min(Number(match[2]), size - 1) : size - 1;
		if (from >= size) {
			response.writeHead(416, { "Content-Range": `bytes */${size}` }).end();
			return;
		}
		response.writeHead(match ? 206 : 200, {
			"Content-Type": "video/mp4", "Accept-Ranges": "bytes", "Content-Length": to - from + 1, "Cache-Control": "no-store",
			...(match ? { "Content-Range": `bytes ${from}-${to}/${size}` } : {}),
		});
		const stream = createReadStream(file, { start: from, end: to, highWaterMark: 32 * 1024 });
		stream.on("data", (chunk) => {
			response.write(chunk);
			stream.pause();
			setTimeout(() => stream.resume(), (chunk.length / rate) * 1000);
		});
		stream.on("end", () => response.end());
		response.on("close", () => stream.destroy());
	}

	function live(response) {
		const data = readFileSync(media.file);
		const pieces = [];
		let head = 0;
		for (let at = 0; at + 8 <= data.length; ) {
			const size = data.readUInt32BE(at);
			const type = data.toString("latin1", at + 4, at + 8);
			if (type === "moof")
				pieces.push([at, at + size + data.readUInt32BE(at + size)]);
			if (type === "moov")
				head = at + size;
			at += size || data.length;
		}
		response.writeHead(200, { "Content-Type": "video/mp4", "Cache-Control": "no-store" });
		response.write(data.subarray(0, head));
		let i = 0;
		const timer = setInterval(() => {
			if (i >= pieces.length || status.wifi.mode !== "media-ready") {
				clearInterval(timer);
				response.end();
				return;
			}
			response.write(data.subarray(...pieces[i++]));
		}, 480);
		response.on("close", () => clearInterval(timer));
	}

	async function bodyOf(request) {
		let text = "";
		for await (const chunk of request)
			text += chunk;
		return text ? JSON.parse(text) : {};
	}

	const server = createServer(async (request, response) => {
		const url = new URL(request.url, "http://dev");
		const path = url.pathname;
		const json = (code, value) => response.writeHead(code, { "Content-Type": "application/json", "Cache-Control": "no-store" }).end(JSON.stringify(value));
		const empty = (code) => response.writeHead(code, { "Cache-Control": "no-store" }).end();
		const refuse = (code, reason, message) => json(code, { reason, message });
		if (path.startsWith("/dev/")) {
			dev[path.slice(5)]?.(await bodyOf(request));
			changed();
			return json(200, { status: snapshot(), recordings, log });
		}
		if (silent)
			return request.socket.destroy();
		if (!path.startsWith("/api/")) {
			const file = join(dist, path === "/" ? "index.html" : path.slice(1));
			if (path.includes("..") || !existsSync(file))
				return empty(404);
			response.writeHead(200, { "Content-Type": types[file.split(".").pop()] ?? "application/octet-stream", "Cache-Control": "no-store", "Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer" });
			return response.end(readFileSync(file));
		}
		const key = `${request.method} ${path}`;
		log.push(key);
		if (key === "POST /api/login") {
			const given = Buffer.from(String((await bodyOf(request)).token ?? ""), "hex");
			if (given.length !== token.length || !timingSafeEqual(given, token))
				return refuse(403, "not-permitted", "The token is not this companion's.");
			response.writeHead(204, { "Set-Cookie": `lanyard=${cookie}; HttpOnly; SameSite=Strict; Path=/` }).end();
			return undefined;
		}
		if (!(request.headers.cookie ?? "").includes(`lanyard=${cookie}`))
			return refuse(401, "not-permitted", "Not signed in.");
		const refusal = refusals[key] ?? refusals[key.replace(/[0-9a-f]{32}/, "ID")];
		if (refusal)
			return refuse(refusal.status, refusal.reason, refusal.message);
		const recording = /^\/api\/recordings\/([0-9a-f]{32})\/(\w+)$/.exec(path);
		switch (recording ? `${request.method} ${recording[2]}` : key) {
		case "GET /api/status":
			return json(200, snapshot());
		case "GET /api/events":
			response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
			response.write(`event: status\ndata: ${JSON.stringify(snapshot())}\n\n`);
			clients.add(response);
			response.on("close", () => clients.delete(response));
			return undefined;
		case "POST /api/scan":
			clear();
			if (status.state === "idle")
				status.state = "scanning";
			status.reason = null;
			after(60_000, () => { if (status.state === "scanning") status.state = "idle"; status.cameras = []; });
			changed();
			return empty(202);
		case "DELETE /api/scan":
			if (status.state === "scanning")
				status.state = "idle";
			changed();
			return empty(204);
		case "POST /api/pair": {
			const { camera: wanted, fingerprint } = await bodyOf(request);
			clear();
			status.state = "pairing";
			status.pairing = { camera: wanted, step: "connecting", code: null };
			after(options.fast ? 50 : 900, () => { status.pairing = { ...status.pairing, step: "handshake" }; });
			// The nearest has the key of its tag; a stranger's camera has another.
			after(options.fast ? 100 : 1800, () => {
				if (fingerprint && (wanted !== near.id || fingerprint !== camera.fingerprint))
					pairingEnds("fingerprint-mismatch");
				else
					status.pairing = { ...status.pairing, step: fingerprint ? "confirmed" : "compare", code: "042137" };
			});
			changed();
			return empty(202);
		}
		case "POST /api/pair/confirm": {
			const { code } = await bodyOf(request);
			if (status.pairing?.step !== "compare")
				return refuse(409, "no-code", "No pairing code waits to be confirmed.");
			if (code !== status.pairing.code) {
				pairingEnds("code-rejected");
				return refuse(409, "code-rejected", "The codes were not confirmed.");
			}
			status.pairing = { ...status.pairing, step: "confirmed" };
			changed();
			return empty(204);
		}
		case "DELETE /api/pair":
			pairingEnds("cancelled");
			return empty(204);
		case "POST /api/forget":
			status.camera = null;
			status.state = "idle";
			changed();
			return empty(204);
		case "GET /api/recordings": {
			if (status.state !== "live")
				return refuse(409, "not-connected", "The camera is not connected.");
			const before = url.searchParams.get("before");
			const start = before ? recordings.findIndex((item) => item.id === before) + 1 : 0;
			const limit = Number(url.searchParams.get("limit") ?? 20);
			setTimeout(() => json(200, { recordings: recordings.slice(start, start + limit), more: start + limit < recordings.length }), options.fast ? 10 : 500);
			return undefined;
		}
		case "GET thumbnail":
			response.writeHead(200, { "Content-Type": "image/jpeg", "Cache-Control": "no-store" });
			setTimeout(() => response.end(readFileSync(media.thumb)), options.fast ? 5 : 250);
			return undefined;
		case "GET media":
			if (status.wifi.mode !== "media-ready")
				return refuse(409, "wifi-off", "The camera's Wi-Fi is off.");
			return sendRange(request, response, media.file, 2_000_000);
		case "GET /api/live":
			if (status.wifi.mode !== "media-ready")
				return refuse(409, "wifi-off", "The camera's Wi-Fi is off.");
			return live(response);
		case "PUT tag": {
			const found = recordings.find((item) => item.id === recording[1]);
			if (!found)
				return refuse(404, "not-found", "There is no such recording.");
			found.tag = { ...(await bodyOf(request)), revision: found.tag.revision + 1 };
			setTimeout(() => json(200, { revision: found.tag.revision, time_us: nowUs() }), options.fast ? 10 : 600);
			return undefined;
		}
		case "POST /api/record": {
			const { start } = await bodyOf(request);
			if (start) {
				addRecording({ state: "active", duration_ms: 0, size: 0, sha256: null, thumbnail: false, reason: "companion" });
				camera.recorder = "event";
				camera.recording_id = recordings[0].id;
			} else {
				const ended = recordings.find((item) => item.id === camera.recording_id);
				Object.assign(ended ?? {}, { state: "complete", duration_ms: media.seconds * 1000, size: statSync(media.file).size, thumbnail: true });
				camera.recorder = "buffering";
				camera.recording_id = null;
			}
			tell("recording", recordings[0]);
			changed();
			return empty(204);
		}
		case "POST /api/wifi":
			if (status.wifi.mode === "off")
				wifiUp();
			changed();
			return empty(202);
		case "DELETE /api/wifi":
			wifiDown(null);
			changed();
			return empty(204);
		default:
			return refuse(404, "not-found", "There is no such address.");
		}
	});

	return new Promise((resolve) => {
		server.listen(options.port ?? 0, "127.0.0.1", () => {
			const address = `http://127.0.0.1:${server.address().port}`;
			resolve({
				address,
				token: token.toString("hex"),
				async control(name, body = {}) {
					return (await fetch(`${address}/dev/${name}`, { method: "POST", body: JSON.stringify(body) })).json();
				},
				close() {
					clear();
					clients.forEach((client) => client.destroy());
					server.closeAllConnections();
					server.close();
				},
			});
		});
	});
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	const argument = (name) => { const at = process.argv.indexOf(name); return at > 0 ? process.argv[at + 1] : undefined; };
	const server = await startDevServer({ port: Number(argument("--port") ?? 8621), paired: process.argv.includes("--paired"), dist: argument("--dist") });
	console.log(`${server.address}/#token=${server.token}`);
}
