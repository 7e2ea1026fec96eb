// Made by build.mjs from base/reason.h.
declare module "reason-table" {
	const table: Readonly<Record<string, string>>;
	export default table;
}
