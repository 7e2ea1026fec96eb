// One hand-drawn set: 24 units, round 1.8 strokes, the text's colour. Decoration: the words next to them say it.
import type { ComponentChildren, JSX } from "preact";

function icon(children: ComponentChildren) {
	return function Icon(props: { readonly size?: number }): JSX.Element {
		const size = props.size ?? 20;
		return (
			<svg class="icon" width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8"
				stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">
				{children}
			</svg>
		);
	};
}

export const BluetoothIcon = icon(<path d="M7 7.5 17 16.5 12 21V3l5 4.5L7 16.5" />);
export const WifiIcon = icon(<><path d="M4 9.5a12 12 0 0 1 16 0M7.2 13a7.4 7.4 0 0 1 9.6 0" /><circle cx="12" cy="17.2" r="1.2" fill="currentColor" /></>);
export const ClockIcon = icon(<><circle cx="12" cy="12" r="8.5" /><path d="M12 7.2V12l3.2 2" /></>);
export const StorageIcon = icon(<><path d="M6.5 3.5h8l4 4v11a2 2 0 0 1-2 2h-10a2 2 0 0 1-2-2v-13a2 2 0 0 1 2-2Z" /><path d="M8.5 7v3M11.5 7v3M14.5 8.5V10" /></>);
export const PlayIcon = icon(<path d="M8 5.2v13.6a.6.6 0 0 0 .92.5l10.6-6.8a.6.6 0 0 0 0-1L8.92 4.7A.6.6 0 0 0 8 5.2Z" fill="currentColor" stroke="none" />);
export const PauseIcon = icon(<path d="M7 5h3.4v14H7zM13.6 5H17v14h-3.4z" fill="currentColor" stroke="none" />);
export const BackIcon = icon(<><path d="M4.5 12a7.5 7.5 0 1 0 2.4-5.5" /><path d="M7.6 2.6 6.4 6.9l4.3.9" /></>);
export const ForwardIcon = icon(<><path d="M19.5 12a7.5 7.5 0 1 1-2.4-5.5" /><path d="m16.4 2.6 1.2 4.3-4.3.9" /></>);
export const SoundIcon = icon(<><path d="M4 9.5v5h3.2L12 18.6V5.4L7.2 9.5Z" fill="currentColor" /><path d="M15.4 9a4.2 4.2 0 0 1 0 6M17.9 6.4a8 8 0 0 1 0 11.2" /></>);
export const MuteIcon = icon(<><path d="M4 9.5v5h3.2L12 18.6V5.4L7.2 9.5Z" fill="currentColor" /><path d="m16 9.5 5 5M21 9.5l-5 5" /></>);
export const FullIcon = icon(<path d="M4 9V5a1 1 0 0 1 1-1h4M15 4h4a1 1 0 0 1 1 1v4M20 15v4a1 1 0 0 1-1 1h-4M9 20H5a1 1 0 0 1-1-1v-4" />);
export const CheckIcon = icon(<path d="m5 12.8 4.4 4.4L19 7.4" />);
export const AlertIcon = icon(<><path d="M12 4 2.9 19.5a.7.7 0 0 0 .6 1h17a.7.7 0 0 0 .6-1Z" /><path d="M12 10v4.4" /><circle cx="12" cy="17.4" r=".6" fill="currentColor" /></>);
export const SearchIcon = icon(<><circle cx="10.8" cy="10.8" r="6.3" /><path d="m15.6 15.6 4.4 4.4" /></>);
export const PinIcon = icon(<><path d="M12 21c4.4-4.4 6.6-7.9 6.6-10.9a6.6 6.6 0 1 0-13.2 0c0 3 2.2 6.5 6.6 10.9Z" /><circle cx="12" cy="10" r="2.3" /></>);
export const LeftIcon = icon(<path d="M19 12H5.5M11 6l-6 6 6 6" />);
export const LiveIcon = icon(<><circle cx="12" cy="12" r="2.2" fill="currentColor" /><path d="M7.8 7.8a6 6 0 0 0 0 8.4M16.2 7.8a6 6 0 0 1 0 8.4M5 5a10 10 0 0 0 0 14M19 5a10 10 0 0 1 0 14" /></>);
export const RecordIcon = icon(<circle cx="12" cy="12" r="6.5" fill="currentColor" stroke="none" />);
export const StopIcon = icon(<rect x="6" y="6" width="12" height="12" rx="2" fill="currentColor" stroke="none" />);
export const CloseIcon = icon(<path d="m6 6 12 12M18 6 6 18" />);
export const CameraIcon = icon(<><rect x="6.5" y="3" width="11" height="18" rx="3.2" /><circle cx="12" cy="9.5" r="2.8" /><path d="M10 16.5h4" /></>);
export const FilmIcon = icon(<><rect x="3.5" y="5" width="17" height="14" rx="2.4" /><path d="m10 9.2 5 2.8-5 2.8Z" fill="currentColor" /></>);
export const ShieldIcon = icon(<><path d="M12 3.2 5 5.8v5.4c0 4.6 2.8 7.8 7 9.6 4.2-1.8 7-5 7-9.6V5.8Z" /><path d="m9 12 2.2 2.2L15.2 10" /></>);
export const CopyIcon = icon(<><rect x="8.5" y="8.5" width="11" height="11" rx="2" /><path d="M15.5 8.5v-2a2 2 0 0 0-2-2h-7a2 2 0 0 0-2 2v7a2 2 0 0 0 2 2h2" /></>);
export const TagIcon = icon(<><path d="M4 4.8v6.4a2 2 0 0 0 .6 1.4l7.3 7.3a1.6 1.6 0 0 0 2.3 0l5.7-5.7a1.6 1.6 0 0 0 0-2.3l-7.3-7.3A2 2 0 0 0 11.2 4H4.8a.8.8 0 0 0-.8.8Z" /><circle cx="8.4" cy="8.4" r="1.2" fill="currentColor" /></>);

export function BatteryIcon(props: { readonly percent: number | null }): JSX.Element {
	const level = props.percent === null ? 0 : Math.max(0, Math.min(100, props.percent));
	return (
		<svg class="icon" width="20" height="20" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" aria-hidden="true" focusable="false">
			<rect x="2.5" y="7.5" width="16.5" height="9" rx="2.4" />
			<path d="M21.6 10.8v2.4" stroke-linecap="round" />
			{level > 0 && <rect x="4.9" y="9.9" width={(11.7 * level) / 100} height="4.2" rx=".8" fill="currentColor" stroke="none" />}
		</svg>
	);
}

export function SignalBars(props: { readonly bars: number | null }): JSX.Element {
	return (
		<svg class="bars" width="28" height="20" viewBox="0 0 28 20" aria-hidden="true" focusable="false">
			{[0, 1, 2, 3].map((i) => (
				<rect x={1 + i * 7} y={14 - i * 4} width="5" height={6 + i * 4} rx="1.4" class={props.bars !== null && i < props.bars ? "bar on" : "bar"} />
			))}
		</svg>
	);
}

/** The camera from the front, its two buttons pointed out. */
export function ButtonsDrawing(): JSX.Element {
	return (
		<svg class="drawing" viewBox="0 0 320 232" role="img" aria-labelledby="drawing-title">
			<title id="drawing-title">A body-worn camera. Event is the large button on its front, Function the small one on its side.</title>
			<path class="strap" d="M118 0c2 26 18 34 26 52M202 0c-2 26-18 34-26 52" />
			<rect class="clip" x="142" y="40" width="36" height="20" rx="6" />
			<rect class="side" x="209" y="92" width="13" height="42" rx="6.5" />
			<rect class="body" x="106" y="54" width="108" height="170" rx="26" />
			<rect class="face" x="114" y="62" width="92" height="154" rx="20" />
			<circle class="ring" cx="160" cy="104" r="25" />
			<circle class="lens" cx="160" cy="104" r="15" />
			<circle class="glint" cx="155" cy="99" r="4" />
			<circle class="led" cx="190" cy="76" r="3.2" />
			<circle class="pulse" cx="160" cy="174" r="24" />
			<circle class="button" cx="160" cy="174" r="24" />
			<circle class="button-dot" cx="160" cy="174" r="7" />
			<rect class="pulse" x="209" y="92" width="13" height="42" rx="6.5" />
			<rect class="button" x="209" y="92" width="13" height="42" rx="6.5" />
			<path class="lead" d="M136 174H92" />
			<text class="label" x="84" y="179" text-anchor="end">Event</text>
			<path class="lead" d="M222 113h22" />
			<text class="label" x="250" y="118">Function</text>
		</svg>
	);
}
