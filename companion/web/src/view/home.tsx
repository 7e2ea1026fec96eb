// The paired camera's screen: status, what can be done, and its recordings.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import * as api from "../api.ts";
import type { Recording } from "../contract.ts";
import { bytes, duration, timeWithSeconds } from "../format.ts";
import { address } from "../route.ts";
import { groupByDay, isTagged, matches, type Filter } from "../state/recordings.ts";
import { attempt, link, live, loadNewest, loadOlder, recordings, status, thumbnailBroken, thumbnails, wantThumbnail } from "../store.ts";
import { FilmIcon, LiveIcon, RecordIcon, SearchIcon, StopIcon } from "./icons.tsx";
import { Heading, Spinner, Time, Trouble } from "./parts.tsx";
import { StatusStrip } from "./strip.tsx";

export function Thumbnail(props: { readonly recording: Recording; readonly lazy?: boolean }): JSX.Element {
	const { recording } = props;
	const box = useRef<HTMLSpanElement>(null);
	const url = thumbnails.value.get(recording.id);
	const connected = live.value;
	useEffect(() => {
		if (!recording.thumbnail || url !== undefined || !connected || !box.current)
			return undefined;
		const seen = new IntersectionObserver((entries) => {
			if (entries.some((entry) => entry.isIntersecting)) {
				seen.disconnect();
				wantThumbnail(recording.id);
			}
		}, { rootMargin: "200px" });
		seen.observe(box.current);
		return () => seen.disconnect();
	}, [recording.id, recording.thumbnail, url, connected]);
	const waiting = recording.thumbnail && url === undefined && connected;
	return (
		<span ref={box} class={waiting ? "thumb waiting" : "thumb"}>
			{url && url !== "failed" ? <img src={url} alt="" decoding="async" onError={() => thumbnailBroken(recording.id)} /> : <FilmIcon size={30} />}
			<span class="thumb-time">{recording.state === "active" ? "…" : duration(recording.durationMs)}</span>
		</span>
	);
}

export function Badges(props: { readonly recording: Recording }): JSX.Element {
	const { recording } = props;
	return (
		<span class="badges">
			{recording.state === "active" && (live.value
				? <span class="badge red"><span class="dot rec" aria-hidden="true" /> Recording now</span>
				: <span class="badge plain">Was recording</span>)}
			{recording.state === "cut-short" && <span class="badge amber">Cut short</span>}
			{isTagged(recording)
				? <span class="badge accent">{recording.tag.category || "Tagged"}</span>
				: <span class="badge plain">Not tagged</span>}
		</span>
	);
}

function Card(props: { readonly recording: Recording }): JSX.Element {
	const { recording } = props;
	return (
		<li>
			<a class="recording" href={address({ screen: "recording", id: recording.id })}>
				<Thumbnail recording={recording} />
				<span class="recording-text">
					<span class="recording-time"><Time us={recording.startedUs}>{timeWithSeconds(recording.startedUs)}</Time></span>
					<span class="quiet">
						<span class="visually-hidden">Length </span>
						{recording.state === "active" ? "Not ended" : duration(recording.durationMs)}{recording.size > 0 && <> · {bytes(recording.size)}</>}
						{recording.tag.caseNumber && <> · {recording.tag.caseNumber}</>}
					</span>
					<Badges recording={recording} />
				</span>
			</a>
		</li>
	);
}

const FILTERS: readonly { readonly filter: Filter; readonly title: string }[] = [
	{ filter: "all", title: "All" },
	{ filter: "untagged", title: "Not tagged" },
	{ filter: "tagged", title: "Tagged" },
];

function Library(): JSX.Element {
	const [filter, setFilter] = useState<Filter>("all");
	const [query, setQuery] = useState("");
	const { items, more, loading, loaded, problem } = recordings.value;
	const shown = items.filter((recording) => matches(recording, filter, query));
	const days = groupByDay(shown, Date.now() * 1000);
	const narrowed = filter !== "all" || query.trim() !== "";
	const count = narrowed ? `${shown.length} of ${items.length} read` : `${items.length}${more ? " newest" : ""}`;
	return (
		<section class="library" aria-labelledby="library-title">
			<div class="library-head">
				<h2 id="library-title">Recordings {loaded && <span class="count" role="status">{count}</span>}</h2>
				<div class="library-tools">
					<label class="search">
						<SearchIcon />
						<span class="visually-hidden">Search recordings</span>
						<input type="search" placeholder="Case, category, note, date" value={query} onInput={(event) => setQuery(event.currentTarget.value)} />
					</label>
					<div class="segments" role="group" aria-label="Show">
						{FILTERS.map((entry) => (
							<button type="button" key={entry.filter} aria-pressed={filter === entry.filter} onClick={() => setFilter(entry.filter)}>{entry.title}</button>
						))}
					</div>
				</div>
			</div>
			{problem && link.value === "online" && (
				<Trouble title="The recordings could not be read" action={<button type="button" class="button" disabled={!live.value} onClick={() => void loadNewest()}>Try again</button>}>
					{problem.message}
				</Trouble>
			)}
			{days.map((day) => (
				<section class="day" key={day.key} aria-label={day.heading}>
					<h3>{day.heading}</h3>
					<ul class="grid">{day.recordings.map((recording) => <Card key={recording.id} recording={recording} />)}</ul>
				</section>
			))}
			{loaded && shown.length === 0 && (
				<p class="empty">{narrowed ? `None of the ${items.length} recordings read so far fits.` : "There are no recordings on the camera."}</p>
			)}
			{!loaded && loading && <ul class="grid" aria-hidden="true">{[0, 1, 2].map((i) => <li key={i}><span class="recording ghost"><span class="thumb waiting" /><span class="recording-text" /></span></li>)}</ul>}
			{!loaded && !loading && !problem && !live.value && (
				<p class="empty">The recordings are on the camera. They appear when it is connected.</p>
			)}
			{more && (
				<div class="more">
					<button type="button" class="button" disabled={loading || !live.value} onClick={() => void loadOlder()}>
						{loading ? <><Spinner /> Reading</> : "Read older recordings"}
					</button>
				</div>
			)}
		</section>
	);
}

export function HomeScreen(props: { readonly focus: boolean }): JSX.Element {
	const recorder = status.value?.camera?.recorder;
	const [busy, setBusy] = useState(false);
	const recording = live.value && recorder === "event";

	async function toggle(): Promise<void> {
		setBusy(true);
		await attempt(() => api.record(!recording));
		setBusy(false);
	}

	return (
		<main class="home">
			<div class="visually-hidden"><Heading focus={props.focus}>Camera and recordings</Heading></div>
			<div class="deck">
				<StatusStrip />
				<div class="actions">
					{live.value
						? <a class="button primary big" href={address({ screen: "live" })}><LiveIcon /> Live view</a>
						: <button type="button" class="button primary big" disabled><LiveIcon /> Live view</button>}
					<button type="button" class="button big" disabled={!live.value || busy || recorder === "off" || recorder === "unknown"} onClick={() => void toggle()}>
						{recording ? <><StopIcon /> Stop recording</> : <><span class="red-ink"><RecordIcon /></span> Start recording</>}
					</button>
				</div>
			</div>
			<Library />
		</main>
	);
}
