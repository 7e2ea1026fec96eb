// "Which of these is the one in my hand?"
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { Camera } from "../contract.ts";
import { sentence } from "../problem.ts";
import { canTouch, forgetTouched, startTouch, stopTouch, touched, touchProblem, touchState } from "../touch.ts";
import { Spinner, Trouble } from "./parts.tsx";

/** Nothing where the browser has no Web NFC. */
export function Touch(props: { readonly paired: Camera | null }): JSX.Element | null {
	useEffect(() => stopTouch, []); // the antenna is not left on
	if (!canTouch())
		return null;
	const camera = touched.value;
	const known = camera && props.paired?.serial === camera.serial && (camera.fingerprint ?? props.paired.fingerprint) === props.paired.fingerprint;
	return (
		<section class="card touch" aria-labelledby="touch-title">
			<h2 id="touch-title">The camera in your hand</h2>
			<div aria-live="polite">
				{touchProblem.value && <Trouble title="No camera was read">{sentence(touchProblem.value)}</Trouble>}
				{!camera && touchState.value === "idle" && !touchProblem.value &&
					<p class="quiet">Hold this phone to the camera's tag, and only that camera will be paired.</p>}
				{touchState.value === "waiting" && <p class="searching"><Spinner /> Hold this phone to the camera's tag</p>}
				{camera && (
					<>
						<p><strong>{camera.serial}</strong>{camera.model && ` (${camera.model})`}</p>
						<p class="quiet">
							{known ? "This is the camera that is paired."
								: camera.fingerprint ? "Hold its two buttons, then press Pair: any other camera is refused."
									: "Its tag says no key: compare the codes when you pair."}
						</p>
					</>
				)}
			</div>
			<div class="touch-buttons">
				{touchState.value === "waiting"
					? <button type="button" class="button" onClick={stopTouch}>Stop reading</button>
					: <button type="button" class="button" onClick={() => void startTouch()}>{camera ? "Touch another" : "Touch the camera"}</button>}
				{camera && <button type="button" class="button" onClick={forgetTouched}>Any camera</button>}
			</div>
		</section>
	);
}
