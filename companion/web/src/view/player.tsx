// One recording with its tag form, and the live view.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { LIVE_URL, mediaUrl } from "../api.ts";
import type { Recording } from "../contract.ts";
import { bytes, date, duration, startReason, timeWithSeconds, utc } from "../format.ts";
import { address } from "../route.ts";
import { find, link, live, recordings, say, status, thumbnails, wantThumbnail } from "../store.ts";
import { CopyIcon, LeftIcon } from "./icons.tsx";
import { Badges } from "./home.tsx";
import { Heading, Spinner, Time, Trouble } from "./parts.tsx";
import { Stage } from "./stage.tsx";
import { connection } from "./strip.tsx";
import { TagForm } from "./tag-form.tsx";

function Back(): JSX.Element {
	return <a class="back" href={address({ screen: "home" })}><LeftIcon /> Recordings</a>;
}

/** While the camera is away, the player says so; the strip is a screen away. */
function Away(): JSX.Element | null {
	const current = status.value;
	if (live.value || !current || link.value !== "online")
		return null;
	const state = connection(current);
	return <Trouble title={state.word} calm>{state.detail ?? "The camera's pictures come when it is connected again."}</Trouble>;
}

function Facts(props: { readonly recording: Recording }): JSX.Element {
	const { recording } = props;
	const sha = recording.sha256;

	async function copy(): Promise<void> {
		try {
			await navigator.clipboard.writeText(sha ?? "");
			say("Checksum copied.");
		} catch {
			say("This browser does not allow copying. Select the checksum instead.", "bad");
		}
	}

	return (
		<dl class="facts" aria-label="About this recording">
			<dt>Started</dt><dd><Time us={recording.startedUs} /><span class="quiet"> · {utc(recording.startedUs)}</span></dd>
			<dt>Started by</dt><dd>{startReason(recording.reason)}</dd>
			<dt>Length</dt><dd>{recording.state === "active" ? "Not ended" : duration(recording.durationMs)}</dd>
			<dt>Size</dt><dd>{bytes(recording.size)}</dd>
			<dt>SHA-256</dt>
			<dd class="sha">
				{sha
					? <><span class="mono">{sha}</span><button type="button" class="icon-button" aria-label="Copy the checksum" onClick={() => void copy()}><CopyIcon /></button></>
					: <span class="quiet">Noted when the recording ends</span>}
			</dd>
		</dl>
	);
}

export function RecordingScreen(props: { readonly id: string }): JSX.Element {
	const list = recordings.value;
	const recording = list.items.find((item) => item.id === props.id) ?? null;
	const [missing, setMissing] = useState(false);

	useEffect(() => {
		if (!recording && list.loaded && !list.loading)
			void find(props.id).then((found) => setMissing(found === null));
	}, [props.id, recording === null, list.loaded]);

	const poster = thumbnails.value.get(props.id);
	useEffect(() => {
		if (recording?.thumbnail && poster === undefined && live.value)
			wantThumbnail(props.id);
	}, [recording?.thumbnail, poster, live.value]);

	if (!recording)
		return (
			<main class="player">
				<Back />
				<Heading focus>Recording</Heading>
				{missing
					? <Trouble title="Not on the camera">There is no such recording. It may have been offloaded at the dock.</Trouble>
					: list.problem
						? <Trouble title="The recording could not be read">{list.problem.message}</Trouble>
						: live.value ? <p class="quiet"><Spinner /> Looking for it on the camera…</p> : <Away />}
			</main>
		);

	const playable = recording.state !== "active" && recording.size > 0 && recording.durationMs > 0;
	return (
		<main class="player">
			<Back />
			<div class="player-head">
				<Heading focus>
					<span class="visually-hidden">Recording of </span>{date(recording.startedUs)}, <Time us={recording.startedUs}>{timeWithSeconds(recording.startedUs)}</Time>
				</Heading>
				<Badges recording={recording} />
			</div>
			<Away />
			{recording.state === "cut-short" && (
				<Trouble title="Cut short" calm>The camera lost power while it recorded. All that was stored by then is here and was checked.</Trouble>
			)}
			<div class="player-columns">
				{playable ? (
					<Stage key={recording.id} autostart={false} label="Recording"
						source={{ kind: "recording", url: mediaUrl(recording.id), size: recording.size, seconds: recording.durationMs / 1000, poster: poster && poster !== "failed" ? poster : null }} />
				) : (
					<Trouble title="Still recording" calm action={<a class="button" href={address({ screen: "live" })}>Live view</a>}>
						It can be played when it has ended. Until then the live view shows what the camera sees.
					</Trouble>
				)}
				<TagForm recording={recording} />
				<Facts recording={recording} />
			</div>
		</main>
	);
}

export function LiveScreen(): JSX.Element {
	return (
		<main class="player">
			<Back />
			<div class="player-head"><Heading focus>Live view</Heading></div>
			<Away />
			<div class="live-frame">
				<Stage key="live" autostart label="Live view" source={{ kind: "live", url: LIVE_URL }} />
			</div>
			<p class="quiet">The picture crosses the camera's own Wi-Fi, which goes off when you leave this screen. Nothing is stored on this device.</p>
		</main>
	);
}
