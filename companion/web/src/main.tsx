import { render } from "preact";
import { App } from "./app.tsx";
import { startChannel } from "./channel.ts";
import { followAddress } from "./route.ts";
import { start } from "./store.ts";

const root = document.getElementById("app");
if (root) {
	// The token leaves the address bar in start(), before the address is read as a screen.
	void start();
	followAddress();
	startChannel();
	render(<App />, root);
}
