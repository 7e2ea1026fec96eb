// Which screen: kept in the address's fragment, so that back and reload do what one expects.
import { signal } from "@preact/signals";

export type Route =
	| { readonly screen: "home" }
	| { readonly screen: "pair" }
	| { readonly screen: "live" }
	| { readonly screen: "recording"; readonly id: string };

export function parseRoute(fragment: string): Route {
	const recording = /^#\/recording\/([0-9a-f]{32})$/.exec(fragment);
	if (recording?.[1])
		return { screen: "recording", id: recording[1] };
	if (fragment === "#/live")
		return { screen: "live" };
	if (fragment === "#/pair")
		return { screen: "pair" };
	return { screen: "home" };
}

export function address(route: Route): string {
	switch (route.screen) {
	case "recording":
		return `#/recording/${route.id}`;
	case "live":
		return "#/live";
	case "pair":
		return "#/pair";
	case "home":
		return "#/";
	}
}

export const route = signal<Route>({ screen: "home" });

export function go(to: Route): void {
	location.hash = address(to);
}

export function followAddress(): void {
	const read = () => {
		route.value = parseRoute(location.hash);
	};
	addEventListener("hashchange", read);
	read();
}

/**
 * The token that `lanyard companion open` put behind the address, once: it is taken out of the address bar and the history before anything
 * else happens.
 */
export function takeToken(): string | null {
	const token = /^#token=([0-9A-Fa-f]{16,256})$/.exec(location.hash)?.[1] ?? null;
	if (location.hash.startsWith("#token="))
		history.replaceState(null, "", `${location.pathname}${location.search}`);
	return token;
}
