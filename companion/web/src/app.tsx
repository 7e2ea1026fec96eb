// Which screen is shown, and what stands around every screen.
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { go, route } from "./route.ts";
import { link, outcome, say, signInProblem, status } from "./store.ts";
import { Notices, Spinner, Trouble } from "./view/parts.tsx";
import { Header } from "./view/header.tsx";
import { HomeScreen } from "./view/home.tsx";
import { LiveScreen, RecordingScreen } from "./view/player.tsx";
import { PairScreen } from "./view/pair.tsx";
import { SignedOutScreen } from "./view/signed-out.tsx";

function Screen(): JSX.Element {
	const current = status.value;
	// The first screen does not take the focus: the reader begins at the top of the page then.
	const first = useRef(true);
	const focus = !first.current;
	useEffect(() => {
		first.current = false;
	}, []);
	const paired = outcome.value;
	useEffect(() => {
		if (paired && paired.reason === null) {
			say(`Paired with ${paired.name}.`);
			go({ screen: "home" });
		}
	}, [paired]);

	if (!current)
		return (
			<main class="center">
				{link.value === "offline"
					? <Trouble title="The companion is not answering">Nothing on this device answers for the camera. It is tried again every two seconds.</Trouble>
					: <p class="quiet"><Spinner /> Asking the companion…</p>}
			</main>
		);
	const to = route.value;
	if (!current.camera || current.pairing || to.screen === "pair")
		return <PairScreen status={current} focus={focus} />;
	switch (to.screen) {
	case "recording":
		return <RecordingScreen key={to.id} id={to.id} />;
	case "live":
		return <LiveScreen />;
	case "home":
		return <HomeScreen focus={focus} />;
	}
}

function OfflineBar(): JSX.Element {
	return (
		<div class="offline" role="alert">
			<span class="dot off" aria-hidden="true" />
			<span><strong>The companion is not answering.</strong> What you see is what it said last. It is tried again every two seconds.</span>
		</div>
	);
}

export function App(): JSX.Element {
	const where = route.value.screen;
	useEffect(() => {
		scrollTo(0, 0);
	}, [where]);
	if (link.value === "signed-out")
		return <SignedOutScreen problem={signInProblem.value} />;
	return (
		<>
			<Header />
			{link.value === "offline" && status.value && <OfflineBar />}
			<Screen />
			<Notices />
		</>
	);
}
