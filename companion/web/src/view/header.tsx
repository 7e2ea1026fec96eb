// The bar on top: whose camera this is, and behind it what rarely matters: keys, versions, forgetting.
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import * as api from "../api.ts";
import { address, go } from "../route.ts";
import { attempt, link, say, status } from "../store.ts";
import { CameraIcon, CloseIcon } from "./icons.tsx";

export function Brand(props: { readonly large?: boolean }): JSX.Element {
	const size = props.large ? 56 : 30;
	return (
		<span class={props.large ? "brand large" : "brand"}>
			<svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
				<rect class="brand-tile" width="32" height="32" rx="8" />
				<path class="brand-strap" d="M9 5c0 6 7 5 7 10M23 5c0 6-7 5-7 10" />
				<rect class="brand-body" x="10" y="14" width="12" height="14" rx="3.6" />
				<circle class="brand-tile" cx="16" cy="21" r="3.4" />
			</svg>
			<span class="brand-name">Lanyard</span>
		</span>
	);
}

export function Header(): JSX.Element {
	const camera = status.value?.camera ?? null;
	const about = useRef<HTMLDialogElement>(null);
	const sure = useRef<HTMLDialogElement>(null);

	async function forget(): Promise<void> {
		sure.current?.close();
		about.current?.close();
		if (await attempt(api.forget)) {
			say("Forgotten. Pair a camera to go on.");
			go({ screen: "home" });
		}
	}

	return (
		<header class="top">
			<a class="brand-link" href={address({ screen: "home" })} aria-label="Lanyard, to the recordings"><Brand /></a>
			{camera && (
				<>
					<button type="button" class="chip-button" onClick={() => about.current?.showModal()}>
						<CameraIcon />
						<span>{camera.serial || "Camera"}</span>
					</button>
					<dialog ref={about} class="sheet" aria-labelledby="about-title">
						<div class="sheet-head">
							<h2 id="about-title">This camera</h2>
							<button type="button" class="icon-button" aria-label="Close" onClick={() => about.current?.close()}><CloseIcon /></button>
						</div>
						<dl class="facts">
							<dt>Serial number</dt><dd>{camera.serial || "Not told"}</dd>
							<dt>Model</dt><dd>{camera.model || "Not told"}</dd>
							<dt>Firmware</dt><dd>{camera.firmware || "Not told"}</dd>
							<dt>Key fingerprint</dt><dd class="mono">{camera.fingerprint || "Not told"}</dd>
						</dl>
						<p class="quiet">The fingerprint is the same as the one that <code>lanyard camera status</code> shows on the camera.</p>
						<div class="sheet-actions">
							<button type="button" class="button" onClick={() => { about.current?.close(); go({ screen: "pair" }); }}>Pair another camera</button>
							<button type="button" class="button danger" disabled={link.value !== "online"} onClick={() => sure.current?.showModal()}>Forget this camera</button>
						</div>
					</dialog>
					<dialog ref={sure} class="sheet small" aria-labelledby="sure-title" role="alertdialog">
						<h2 id="sure-title">Forget {camera.serial || "this camera"}?</h2>
						<p>This device can no longer see its recordings. To see them again, it must be paired anew with the camera's two buttons. Nothing on the camera is deleted.</p>
						<div class="sheet-actions">
							<button type="button" class="button" onClick={() => sure.current?.close()}>Keep it</button>
							<button type="button" class="button danger" onClick={() => void forget()}>Forget it</button>
						</div>
					</dialog>
				</>
			)}
		</header>
	);
}
