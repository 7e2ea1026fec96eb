// Small parts that several screens use.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { dateTime, utc } from "../format.ts";
import { AlertIcon, CheckIcon, CloseIcon } from "./icons.tsx";
import { dismissNotice, notice } from "../store.ts";

/** A time as local time, its UTC in the tooltip. */
export function Time(props: { readonly us: number; readonly children?: ComponentChildren }): JSX.Element {
	return (
		<time dateTime={new Date(props.us / 1000).toISOString()} title={utc(props.us)}>
			{props.children ?? dateTime(props.us)}
		</time>
	);
}

export function Spinner(): JSX.Element {
	return <span class="spinner" aria-hidden="true" />;
}

export type StepState = "done" | "now" | "next" | "failed";

/** Steps of something that takes a moment, one under another. */
export function Steps(props: { readonly label: string; readonly steps: readonly { title: string; state: StepState; note?: string | undefined }[] }): JSX.Element {
	const words: Record<StepState, string> = { done: "done", now: "in progress", next: "not yet", failed: "failed" };
	return (
		<ol class="steps" aria-label={props.label}>
			{props.steps.map((step) => (
				<li key={step.title} class={`step ${step.state}`} {...(step.state === "now" ? { "aria-current": "step" as const } : {})}>
					<span class="step-mark" aria-hidden="true">
						{step.state === "done" ? <CheckIcon size={16} /> : step.state === "now" ? <Spinner /> : step.state === "failed" ? <CloseIcon size={14} /> : null}
					</span>
					<span class="step-title">{step.title}</span>
					<span class="visually-hidden">, {words[step.state]}</span>
					{step.note && <span class="step-note">{step.note}</span>}
				</li>
			))}
		</ol>
	);
}

/** Something is wrong, and what to do. */
export function Trouble(props: { readonly title: string; readonly children: ComponentChildren; readonly action?: ComponentChildren; readonly calm?: boolean }): JSX.Element {
	return (
		<div class={props.calm ? "trouble calm" : "trouble"} role={props.calm ? "status" : "alert"}>
			<AlertIcon size={24} />
			<div class="trouble-text">
				<strong>{props.title}</strong>
				<p>{props.children}</p>
			</div>
			{props.action && <div class="trouble-action">{props.action}</div>}
		</div>
	);
}

/** A screen's heading takes the focus when the screen comes, so that the keyboard and the screen reader come along. */
export function Heading(props: { readonly children: ComponentChildren; readonly focus?: boolean }): JSX.Element {
	const ref = useRef<HTMLHeadingElement>(null);
	useEffect(() => {
		if (props.focus)
			ref.current?.focus({ preventScroll: true });
	}, []);
	return <h1 ref={ref} tabIndex={-1}>{props.children}</h1>;
}

export function Notices(): JSX.Element {
	const current = notice.value;
	return (
		<div class="notices" role="status" aria-live="polite">
			{current && (
				<div class={`notice ${current.tone}`}>
					{current.tone === "good" ? <CheckIcon size={22} /> : <AlertIcon size={22} />}
					<span>{current.text}</span>
					<button type="button" class="notice-close" aria-label="Dismiss" onClick={dismissNotice}>
						<CloseIcon size={18} />
					</button>
				</div>
			)}
		</div>
	);
}
