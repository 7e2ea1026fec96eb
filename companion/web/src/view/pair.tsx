// Finding a camera and pairing with it.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import * as api from "../api.ts";
import type { NearCamera, Pairing, Status } from "../contract.ts";
import { signalBars, signalWord } from "../format.ts";
import { sentence } from "../problem.ts";
import { address } from "../route.ts";
import { PAIRING_STEPS } from "../state/pairing.ts";
import { attempt, link, outcome } from "../store.ts";
import { touched } from "../touch.ts";
import { ButtonsDrawing, LeftIcon, SignalBars } from "./icons.tsx";
import { Heading, Spinner, Steps, Trouble, type StepState } from "./parts.tsx";
import { Touch } from "./touch.tsx";

function Near(props: { readonly camera: NearCamera; readonly disabled: boolean }): JSX.Element {
	const { camera } = props;
	const name = camera.name || "Camera without a name";
	const bars = signalBars(camera.rssi);
	return (
		<li class="near">
			<SignalBars bars={bars} />
			<div class="near-text">
				<strong>{name}</strong>
				<span class="quiet">{bars === null ? "In range" : capital(signalWord(camera.rssi))}</span>
			</div>
			<button type="button" class="button primary" disabled={props.disabled} aria-label={`Pair with ${name}`}
				onClick={() => { outcome.value = null; void attempt(() => api.pair(camera.id, touched.value?.fingerprint ?? null)); }}>
				Pair
			</button>
		</li>
	);
}

function capital(text: string): string {
	return text.charAt(0).toUpperCase() + text.slice(1);
}

function Progress(props: { readonly pairing: Pairing; readonly name: string }): JSX.Element {
	const { pairing } = props;
	const at = PAIRING_STEPS.findIndex(({ step }) => step === pairing.step);
	const steps = PAIRING_STEPS.map(({ title }, i) => ({ title, state: (i < at ? "done" : i === at ? "now" : "next") as StepState }));
	return (
		<section class="card pairing" aria-labelledby="pairing-title">
			<h2 id="pairing-title">Pairing with {props.name}</h2>
			<div aria-live="assertive">
				{pairing.code && (pairing.step === "compare" || pairing.step === "confirmed") && (
					<div class="compare">
						<p class="visually-hidden">Code {pairing.code.split("").join(" ")}</p>
						<p class="code" aria-hidden="true">
							<span>{pairing.code.slice(0, 3)}</span>
							<span>{pairing.code.slice(3)}</span>
						</p>
						{pairing.step === "compare"
							? <p class="compare-ask">The camera shows or speaks six digits. Are they the same?</p>
							: <p class="compare-ask">Now press <strong>Event</strong> on the camera.</p>}
						<p class="quiet">
							{pairing.step === "compare"
								? "If they are the same, say so here and press Event on the camera. If not, somebody may be in between."
								: touched.value?.fingerprint
									? "It has the key of the camera that you touched. If it shows other digits, press Function there: somebody else is pairing with it."
									: "If it shows other digits after all, press Function there, or stop here."}
						</p>
					</div>
				)}
			</div>
			<Steps label="Progress of pairing" steps={steps} />
			<div class="pairing-answer">
				{pairing.code && pairing.step === "compare" && (
					<button type="button" class="button primary" onClick={() => void attempt(() => api.confirmPairing(pairing.code ?? ""))}>
						They are the same
					</button>
				)}
				<button type="button" class="button" onClick={() => void attempt(api.stopPairing)}>
					{pairing.step === "compare" ? "They differ, stop" : "Stop"}
				</button>
			</div>
		</section>
	);
}

export function PairScreen(props: { readonly status: Status; readonly focus: boolean }): JSX.Element {
	const { status } = props;
	const [asked, setAsked] = useState(false);
	const searching = status.state === "scanning";
	const usable = link.value === "online" && status.bluetooth === "ready";
	const ended = outcome.value;

	useEffect(() => {
		// Looked for once, by itself; after its 60 s the person decides.
		if (usable && !asked && !searching && !status.pairing) {
			setAsked(true);
			void attempt(api.scan);
		}
	}, [usable]);

	const cameras = [...status.cameras].sort((a, b) => (b.rssi ?? -200) - (a.rssi ?? -200));
	if (status.pairing) {
		const pairing = status.pairing;
		const name = cameras.find((camera) => camera.id === pairing.camera)?.name ?? "the camera";
		return (
			<main class="pair narrow">
				<Heading focus>Pair a camera</Heading>
				<Progress pairing={pairing} name={name} />
			</main>
		);
	}
	return (
		<main class="pair">
			{status.camera && <a class="back" href={address({ screen: "home" })}><LeftIcon /> Back to the recordings</a>}
			<Heading focus={props.focus}>Pair a camera</Heading>
			{ended && ended.reason !== null && (
				<Trouble title={ended.reason === "cancelled" ? "Pairing stopped" : `Not paired with ${ended.name}`} calm={ended.reason === "cancelled"}
					action={<button type="button" class="button" onClick={() => { outcome.value = null; void attempt(api.scan); }}>Look again</button>}>
					{ended.reason === "cancelled" ? "Nothing was changed on either side." : sentence(ended.reason)}
				</Trouble>
			)}
			{status.bluetooth !== "ready" && <Trouble title="Bluetooth is not available">{sentence(status.bluetooth)}</Trouble>}
			<Touch paired={status.camera} />
			<div class="pair-columns">
				<section class="card how" aria-labelledby="how-title">
					<ButtonsDrawing />
					<div>
						<h2 id="how-title">Hold <em>Event</em> and <em>Function</em> together for 2 seconds</h2>
						<p>Press both at the same moment and keep them down until the camera signals. It then waits one minute to be paired.</p>
						{status.camera && <p class="quiet">A camera has one companion at a time: pairing replaces the one it has.</p>}
					</div>
				</section>
				<section class="card" aria-labelledby="near-title">
					<div class="card-head">
						<h2 id="near-title">Cameras near you</h2>
						{searching && <span class="quiet searching"><Spinner /> Looking</span>}
					</div>
					<div aria-live="polite" class="near-live">
						{cameras.length > 0 ? (
							<ul class="near-list">{cameras.map((camera) => <Near key={camera.id} camera={camera} disabled={!usable} />)}</ul>
						) : (
							<div class="empty">
								<span class={searching ? "radar on" : "radar"} aria-hidden="true" />
								<p>{searching ? "No camera is waiting to be paired yet. It appears here a moment after its buttons are held." : "Not looking for cameras."}</p>
							</div>
						)}
					</div>
					<div class="card-foot">
						{searching
							? <button type="button" class="button" onClick={() => void attempt(api.stopScan)}>Stop looking</button>
							: <button type="button" class="button primary" disabled={!usable} onClick={() => void attempt(api.scan)}>Look for cameras</button>}
					</div>
				</section>
			</div>
		</main>
	);
}
