// The tag of a recording: what it is about, its case, a note, where. Saved means the camera has it on its storage and said so.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { TAG_LIMITS, type Receipt, type Recording } from "../contract.ts";
import { position, timeWithSeconds, utf8Length } from "../format.ts";
import { Problem, problemFrom } from "../problem.ts";
import { CATEGORIES, draftErrors, draftOf, parsePlace, sameDraft, tagOf, type Draft } from "../state/draft.ts";
import { link, live, saveTag } from "../store.ts";
import { AlertIcon, CheckIcon, PinIcon } from "./icons.tsx";
import { Spinner, Time } from "./parts.tsx";

/** Chosen for words of one's own; no category of the list. */
const OTHER = "+other";

interface Work {
	readonly draft: Draft;
	/** The tag that the draft began from. */
	readonly base: Draft;
	readonly baseRevision: number;
	readonly receipt: Receipt | null;
}

/** Kept while the page is open, so that going back to the list loses nothing that was typed. In memory only. */
const work = signal<ReadonlyMap<string, Work>>(new Map());

function workOn(recording: Recording): Work {
	const base = draftOf(recording.tag);
	return work.value.get(recording.id) ?? { draft: base, base, baseRevision: recording.tag.revision, receipt: null };
}

function keep(id: string, value: Work): void {
	work.value = new Map(work.peek()).set(id, value);
}

addEventListener("beforeunload", (event) => {
	if ([...work.peek().values()].some(({ draft, base }) => !sameDraft(draft, base)))
		event.preventDefault();
});

function currentPosition(): Promise<GeolocationPosition> {
	return new Promise((resolve, reject) => {
		if (!("geolocation" in navigator)) {
			reject(new Problem("position-unavailable"));
			return;
		}
		navigator.geolocation.getCurrentPosition(resolve, (error) => {
			reject(new Problem(error.code === error.PERMISSION_DENIED ? "position-denied" : "position-unavailable"));
		}, { enableHighAccuracy: true, timeout: 15_000, maximumAge: 30_000 });
	});
}

export function TagForm(props: { readonly recording: Recording }): JSX.Element {
	const { recording } = props;
	const { draft, base, baseRevision, receipt } = workOn(recording);
	const [saving, setSaving] = useState(false);
	const [problem, setProblem] = useState<Problem | null>(null);
	const [locating, setLocating] = useState(false);
	const [placeNote, setPlaceNote] = useState<string | null>(null);
	const [other, setOther] = useState(false);
	const [checked, setChecked] = useState(false);
	const dirty = !sameDraft(draft, base);
	const errors = draftErrors(draft);
	const elsewhere = recording.tag.revision > baseRevision;
	const listed = draft.category === "" || (CATEGORIES as readonly string[]).includes(draft.category);
	const freeText = other || !listed;

	useEffect(() => {
		// Changed by somebody else while nothing is typed here: simply show it.
		if (elsewhere && !dirty)
			load();
	}, [elsewhere, dirty]);

	function load(): void {
		const fresh = draftOf(recording.tag);
		keep(recording.id, { draft: fresh, base: fresh, baseRevision: recording.tag.revision, receipt: null });
	}

	function set(change: Partial<Draft>): void {
		setProblem(null);
		keep(recording.id, { draft: { ...draft, ...change }, base, baseRevision, receipt });
	}

	async function here(): Promise<void> {
		setLocating(true);
		setPlaceNote(null);
		try {
			const { coords } = await currentPosition();
			set({ place: position(coords.latitude, coords.longitude) });
			setPlaceNote(`Within ${Math.max(1, Math.round(coords.accuracy))} m.`);
		} catch (error) {
			setPlaceNote(problemFrom(error).message);
		} finally {
			setLocating(false);
		}
	}

	async function save(event: Event): Promise<void> {
		event.preventDefault();
		setChecked(true);
		const first = Object.keys(errors)[0];
		if (first) {
			document.getElementById(`tag-${first}`)?.focus();
			return;
		}
		setSaving(true);
		setProblem(null);
		try {
			const done = await saveTag(recording.id, tagOf(draft));
			keep(recording.id, { draft, base: draft, baseRevision: done.revision, receipt: done });
			setOther(false);
			setChecked(false);
		} catch (error) {
			setProblem(problemFrom(error));
		} finally {
			setSaving(false);
		}
	}

	// A position is wrong until its last digit is typed: told when it is to be saved. (Not when the field is left: what appears then moves the
	// button away from under the finger that is about to press it.)
	const shownErrors = checked ? errors : { ...errors, place: undefined };
	const noteBytes = utf8Length(draft.note.trim());
	const describe = (field: keyof Draft, ...more: string[]) => [shownErrors[field] ? `tag-${field}-error` : "", ...more].filter(Boolean).join(" ") || undefined;
	const error = (field: keyof Draft) => shownErrors[field] && <p class="field-error" id={`tag-${field}-error`}>{shownErrors[field]}</p>;

	return (
		<form class="card tag" aria-labelledby="tag-title" noValidate onSubmit={(event) => void save(event)}>
			<div class="card-head">
				<h2 id="tag-title">Tag</h2>
				<span class="quiet">{recording.tag.revision > 0 ? `Revision ${recording.tag.revision}` : "Not tagged yet"}</span>
			</div>

			<div class="field">
				<label for="tag-choice">Category</label>
				<select id="tag-choice" value={freeText ? OTHER : draft.category}
					onChange={(event) => {
						const value = event.currentTarget.value;
						setOther(value === OTHER);
						set({ category: value === OTHER ? "" : value });
					}}>
					<option value="">No category</option>
					{CATEGORIES.map((name) => <option key={name} value={name}>{name}</option>)}
					<option value={OTHER}>Another, in my words</option>
				</select>
				{freeText && (
					<>
						<label class="visually-hidden" for="tag-category">Category in your words</label>
						<input id="tag-category" type="text" autocomplete="off" placeholder="Category in your words" value={draft.category}
							aria-invalid={shownErrors.category ? true : undefined} aria-describedby={describe("category")} onInput={(event) => set({ category: event.currentTarget.value })} />
					</>
				)}
				{error("category")}
			</div>

			<div class="field">
				<label for="tag-caseNumber">Case number</label>
				<input id="tag-caseNumber" type="text" autocomplete="off" autocapitalize="characters" spellcheck={false} value={draft.caseNumber}
					aria-invalid={shownErrors.caseNumber ? true : undefined} aria-describedby={describe("caseNumber")} onInput={(event) => set({ caseNumber: event.currentTarget.value })} />
				{error("caseNumber")}
			</div>

			<div class="field">
				<div class="label-row">
					<label for="tag-note">Note</label>
					<span class="quiet counter" id="tag-note-count">{noteBytes} of {TAG_LIMITS.note}</span>
				</div>
				<textarea id="tag-note" rows={3} value={draft.note} aria-invalid={shownErrors.note ? true : undefined}
					aria-describedby={describe("note", "tag-note-count")} onInput={(event) => set({ note: event.currentTarget.value })} />
				{error("note")}
			</div>

			<div class="field">
				<label for="tag-place">Position</label>
				<div class="with-button">
					<input id="tag-place" type="text" inputMode="text" autocomplete="off" spellcheck={false} placeholder="Latitude, longitude" value={draft.place}
						aria-invalid={shownErrors.place ? true : undefined} aria-describedby={describe("place", "tag-place-note")}
						onInput={(event) => { setPlaceNote(null); set({ place: event.currentTarget.value }); }}
						onBlur={() => {
							const place = parsePlace(draft.place);
							if (place && position(place.latitude, place.longitude) !== draft.place)
								set({ place: position(place.latitude, place.longitude) });
						}} />
					<button type="button" class="button" disabled={locating} onClick={() => void here()}>
						{locating ? <Spinner /> : <PinIcon />} Here
					</button>
				</div>
				<p class="quiet field-note" id="tag-place-note" role="status">{placeNote ?? ""}</p>
				{error("place")}
			</div>

			{elsewhere && dirty && (
				<p class="field-error" role="status">
					The camera has a newer tag, revision {recording.tag.revision}. Saving replaces it.{" "}
					<button type="button" class="link" onClick={load}>Show the camera's instead</button>
				</p>
			)}
			<button type="submit" class="button primary wide" disabled={saving || !live.value || (!dirty && recording.tag.revision > 0)}>
				{saving ? <><Spinner /> Saving on the camera</> : "Save on the camera"}
			</button>
			<div class="tag-result" role="status" aria-live="polite">
				{problem ? (
					<p class="result bad"><AlertIcon size={22} /><span><strong>Not saved.</strong> {problem.message}</span></p>
				) : receipt && !dirty ? (
					<p class="result good"><CheckIcon size={22} /><span><strong>Saved on the camera, revision {receipt.revision}</strong><br /><Time us={receipt.timeUs}>{timeWithSeconds(receipt.timeUs)}</Time> by the camera's clock</span></p>
				) : dirty ? (
					<p class="quiet">{live.value ? "Not saved yet." : link.value === "online" ? "Not saved yet. It can be saved when the camera is connected; what you typed stays here." : "Not saved yet. What you typed stays here."}</p>
				) : null}
			</div>
		</form>
	);
}
