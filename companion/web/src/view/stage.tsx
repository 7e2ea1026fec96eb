// The picture and its controls: of a recording (seekable) or of the live view. Opens the media channel when playing is asked for.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { channel, ensureChannel, holdChannel, restChannel } from "../channel.ts";
import { clock, spokenDuration, stage as stageTime } from "../format.ts";
import { playerCommand, wantsKey, type PlayerCommand } from "../player/keys.ts";
import { openLive, openRecording, type Engine } from "../player/engine.ts";
import { Problem } from "../problem.ts";
import { live, status } from "../store.ts";
import { BackIcon, ForwardIcon, FullIcon, MuteIcon, PauseIcon, PlayIcon, SoundIcon } from "./icons.tsx";
import { Spinner, Steps, type StepState } from "./parts.tsx";

/** Paused for this long, nobody is watching: the camera's radio costs battery and can be heard. */
const IDLE_MS = 60_000;

export type Source =
	| { readonly kind: "recording"; readonly url: string; readonly size: number; readonly seconds: number; readonly poster: string | null }
	| { readonly kind: "live"; readonly url: string };

/** What the camera and this device do until video comes, with the times of what is done. */
function Opening(): JSX.Element {
	const wifi = status.value?.wifi;
	const mode = wifi?.mode ?? "off";
	const at = mode === "joining" ? 1 : mode === "media-ready" ? 3 : 0;
	const rows = [
		{ title: "The camera switches its Wi-Fi on", ms: wifi?.upMs },
		{ title: "This device joins it", ms: wifi?.joinMs },
		{ title: "The camera opens the video channel", ms: wifi?.mediaMs },
	];
	// There is no mode of its own for the camera dialling out: the join's time tells that it has begun.
	const current = at === 1 && wifi?.joinMs ? 2 : at;
	return (
		<div class="curtain">
			<p class="curtain-title" role="status">Opening the video channel</p>
			<Steps label="Opening the video channel" steps={rows.map((row, i) => ({
				title: row.title,
				state: (i < current ? "done" : i === current ? "now" : "next") as StepState,
				note: i < current && row.ms ? stageTime(row.ms) : undefined,
			}))} />
		</div>
	);
}

export function Stage(props: { readonly source: Source; readonly label: string; readonly autostart: boolean }): JSX.Element {
	const { source } = props;
	const box = useRef<HTMLDivElement>(null);
	const video = useRef<HTMLVideoElement>(null);
	const slider = useRef<HTMLInputElement>(null);
	const release = useRef<(() => void) | null>(null);
	const wantsPlay = useRef(false);
	const resumeAt = useRef(0);
	const [playing, setPlaying] = useState(false);
	const [waiting, setWaiting] = useState(false);
	const [ended, setEnded] = useState(false);
	const [time, setTime] = useState(0);
	const [drag, setDrag] = useState<number | null>(null);
	const [muted, setMuted] = useState(false);
	const [shown, setShown] = useState(false);
	const [problem, setProblem] = useState<Problem | null>(null);
	const [attempt, setAttempt] = useState(0);
	const phase = channel.value.phase;
	const held = release.current !== null;
	const seconds = source.kind === "recording" ? source.seconds : 0;
	const started = held && phase !== "closed";
	const ready = held && phase === "ready";

	// ---- channel and engine

	function play(): void {
		wantsPlay.current = true;
		setEnded(false);
		if (!release.current) {
			release.current = holdChannel();
			setAttempt((n) => n + 1);
		} else if (phase !== "ready" && phase !== "opening") {
			setProblem(null);
			ensureChannel();
		} else if (problem) {
			setProblem(null);
			setAttempt((n) => n + 1);
		} else if (phase === "ready") {
			if (ended && video.current)
				video.current.currentTime = 0;
			startPlaying();
		}
	}

	function startPlaying(): void {
		// A browser that wants a click for sound refuses: then the play button is there again.
		video.current?.play().catch(() => setPlaying(false));
	}

	useEffect(() => {
		if (props.autostart)
			play();
		return () => {
			release.current?.();
			release.current = null;
		};
	}, []);

	useEffect(() => {
		const element = video.current;
		if (!ready || !element)
			return undefined;
		const events = {
			problem(found: Problem) {
				if (channel.peek().phase !== "ready")
					return; // What was on its way when the channel went to rest, or was lost, breaks off: the channel's own state says more.
				resumeAt.current = element.currentTime;
				setProblem(found);
			},
		};
		let engine: Engine;
		if (source.kind === "recording")
			engine = openRecording(element, source.url, source.size, source.seconds, resumeAt.current, events);
		else
			engine = openLive(element, source.url, events);
		if (wantsPlay.current)
			element.addEventListener("loadedmetadata", startPlaying, { once: true });
		return () => {
			resumeAt.current = element.currentTime;
			element.removeEventListener("loadedmetadata", startPlaying);
			element.pause();
			engine.destroy();
		};
	}, [ready, source.url, attempt]);

	useEffect(() => {
		if (!ready || playing || source.kind === "live")
			return undefined;
		const timer = setTimeout(() => {
			wantsPlay.current = false;
			restChannel();
		}, IDLE_MS);
		return () => clearTimeout(timer);
	}, [ready, playing, time]);

	// ---- the element tells

	useEffect(() => {
		const element = video.current;
		if (!element)
			return undefined;
		const on: Partial<Record<keyof HTMLMediaElementEventMap, () => void>> = {
			play: () => { setPlaying(true); setEnded(false); },
			pause: () => setPlaying(false),
			playing: () => { setWaiting(false); setShown(true); },
			waiting: () => setWaiting(true),
			canplay: () => setWaiting(false),
			seeked: () => { setWaiting(false); setTime(element.currentTime); },
			seeking: () => { setWaiting(true); setEnded(false); },
			timeupdate: () => setTime(element.currentTime),
			ended: () => { setEnded(true); setPlaying(false); wantsPlay.current = false; },
			volumechange: () => setMuted(element.muted),
			error: () => {
				if (channel.peek().phase !== "ready")
					return;
				resumeAt.current = element.currentTime;
				const reason = element.error?.code === MediaError.MEDIA_ERR_NETWORK ? "cut-off" : "format-unsupported";
				setProblem((known) => known ?? new Problem(reason));
			},
		};
		for (const [name, handler] of Object.entries(on))
			element.addEventListener(name, handler);
		return () => {
			for (const [name, handler] of Object.entries(on))
				element.removeEventListener(name, handler);
		};
	}, []);

	const at = drag ?? time;
	useEffect(() => {
		// Through the object model, which a strict style-src allows, unlike a style attribute.
		slider.current?.style.setProperty("--played", String(seconds > 0 ? Math.min(1, at / seconds) : 0));
	}, [at, seconds]);

	// ---- commands

	function seek(to: number): void {
		const element = video.current;
		if (!element || source.kind === "live")
			return;
		const target = Math.min(Math.max(0, to), Math.max(0, seconds - 0.05));
		resumeAt.current = target;
		setTime(target);
		if (ready)
			element.currentTime = target;
	}

	function run(command: PlayerCommand): void {
		const element = video.current;
		if (!element)
			return;
		switch (command.do) {
		case "toggle":
			if (playing) {
				wantsPlay.current = false;
				element.pause();
			} else {
				play();
			}
			break;
		case "skip":
			if (Math.abs(command.seconds) < 0.5)
				element.pause();
			seek((ready ? element.currentTime : resumeAt.current) + command.seconds);
			break;
		case "start":
			seek(0);
			break;
		case "end":
			seek(seconds);
			break;
		case "mute":
			element.muted = !element.muted;
			break;
		case "fullscreen":
			if (document.fullscreenElement)
				void document.exitFullscreen();
			else
				void box.current?.requestFullscreen?.().catch(() => undefined);
			break;
		}
	}

	const latest = useRef(run);
	latest.current = run;
	useEffect(() => {
		function onKey(event: KeyboardEvent): void {
			const target = event.target instanceof HTMLElement ? event.target : document.body;
			if (event.defaultPrevented || wantsKey(target.tagName, target.getAttribute("type"), event.key) || document.querySelector("dialog[open]"))
				return;
			const command = playerCommand(event);
			if (command) {
				event.preventDefault();
				latest.current(command);
			}
		}
		document.addEventListener("keydown", onKey);
		return () => document.removeEventListener("keydown", onKey);
	}, []);

	// ---- what lies over the picture

	const failure = problem ?? (started && phase === "failed" ? channel.value.problem : null);
	let curtain: JSX.Element | null = null;
	if (failure)
		curtain = (
			<div class="curtain failure" role="alert">
				<p class="curtain-title">{failure.reason === "format-unsupported" ? "This cannot be played" : source.kind === "live" ? "The live view stopped" : "Playing stopped"}</p>
				<p>{failure.message}</p>
				<button type="button" class="button primary" disabled={!live.value} onClick={play}>Try again</button>
			</div>
		);
	else if (started && phase === "opening")
		curtain = <Opening />;
	else if (started && phase === "idle")
		curtain = (
			<div class="curtain">
				<p class="curtain-title" role="status">Paused for a minute</p>
				<p>The camera's Wi-Fi was switched off to save its battery.</p>
				<button type="button" class="button primary" onClick={play}><PlayIcon /> Go on at {clock(resumeAt.current)}</button>
			</div>
		);
	else if (ready && (waiting || !shown) && !ended && (playing || wantsPlay.current))
		curtain = <div class="curtain bare" role="status"><Spinner /><span class="visually-hidden">Loading</span></div>;
	else if (!playing)
		curtain = (
			<button type="button" class="play-big" disabled={!live.value && !ready} onClick={play}>
				<PlayIcon size={44} />
				<span class="visually-hidden">{ended ? "Play again" : "Play"}</span>
			</button>
		);

	return (
		<div ref={box} class="stage" role="region" aria-label={props.label}>
			<div class="picture" onClick={(event) => { if (event.target === video.current) run({ do: "toggle" }); }}>
				<video ref={video} playsInline aria-label={props.label} />
				{!shown && source.kind === "recording" && source.poster && <img class="poster" src={source.poster} alt="" />}
				{source.kind === "live" && playing && shown && !failure && <span class="live-badge"><span class="dot rec" aria-hidden="true" /> Live</span>}
				{curtain}
			</div>
			<div class="controls">
				{source.kind === "recording" && (
					<input ref={slider} class="seek" type="range" min="0" max={seconds} step="0.01" value={at} aria-label="Position in the recording"
						aria-valuetext={`${spokenDuration(at)} of ${spokenDuration(seconds)}`}
						onInput={(event) => setDrag(Number(event.currentTarget.value))}
						onChange={(event) => { seek(Number(event.currentTarget.value)); setDrag(null); }} />
				)}
				<div class="control-row">
					<button type="button" class="control main" aria-label={playing ? "Pause" : "Play"} disabled={!live.value && !ready} onClick={() => run({ do: "toggle" })}>
						{playing ? <PauseIcon size={28} /> : <PlayIcon size={28} />}
					</button>
					{source.kind === "recording" && (
						<>
							<button type="button" class="control" aria-label="Back 10 seconds" onClick={() => run({ do: "skip", seconds: -10 })}><BackIcon size={24} /></button>
							<button type="button" class="control" aria-label="Forward 10 seconds" onClick={() => run({ do: "skip", seconds: 10 })}><ForwardIcon size={24} /></button>
							<span class="position"><span>{clock(at)}</span><span class="quiet"> / {clock(seconds)}</span></span>
						</>
					)}
					<span class="spring" />
					<button type="button" class="control" aria-pressed={muted} aria-label="Mute" onClick={() => run({ do: "mute" })}>{muted ? <MuteIcon size={24} /> : <SoundIcon size={24} />}</button>
					<button type="button" class="control" aria-label="Full screen" onClick={() => run({ do: "fullscreen" })}><FullIcon size={24} /></button>
				</div>
			</div>
		</div>
	);
}
