import type { JSX } from "preact";
import type { Problem } from "../problem.ts";
import { Brand } from "./header.tsx";
import { Trouble } from "./parts.tsx";

export function SignedOutScreen(props: { readonly problem: Problem | null }): JSX.Element {
	return (
		<main class="center signed-out">
			<Brand large />
			<h1>Open this page from the companion</h1>
			<p>It shows a camera's footage, so it opens only for the person who runs the companion on this device.</p>
			{props.problem && <Trouble title="Not signed in">{props.problem.message}</Trouble>}
			<p>Type this in a terminal, as that person:</p>
			<pre class="command" tabIndex={0} aria-label="Command"><code>lanyard companion open</code></pre>
			<p class="quiet">It gives the address with a key, which this page trades for a session and removes from the address bar at once.</p>
		</main>
	);
}
