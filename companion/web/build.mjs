// Bundles the page into dist/, or with --test bundles and runs the tests of the pure modules.
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { copyFile, mkdir, readFile, readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const font = "node_modules/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2";

// The sentences for reason codes have one home, base/reason.h: status objects carry only codes, so the page needs the table.
const reasons = {
	name: "reasons",
	setup(context) {
		context.onResolve({ filter: /^reason-table$/ }, () => ({ path: "reason-table", namespace: "reasons" }));
		context.onLoad({ filter: /.*/, namespace: "reasons" }, async () => {
			const header = join(here, "../../base/reason.h");
			const source = (await readFile(header, "utf8")).replace(/\\\r?\n\s*/g, " ");
			const table = {};
			for (const [, code, sentence] of source.matchAll(/X\(\s*\w+,\s*\d+,\s*"([^"]+)",\s*"((?:[^"\\]|\\.)*)"\s*\)/g))
				table[code] = JSON.parse(`"${sentence}"`);
			const rows = (source.match(/\bX\(\s*[A-Z]/g) ?? []).length;
			if (rows === 0 || rows !== Object.keys(table).length)
				throw new Error(`${header}: understood ${Object.keys(table).length} of ${rows} reasons`);
			return { contents: JSON.stringify(table), loader: "json", watchFiles: [header] };
		});
	},
};

const common = {
	bundle: true,
	format: "esm",
	target: ["es2021", "chrome100", "firefox100", "safari15"],
	jsx: "automatic",
	jsxImportSource: "preact",
	plugins: [reasons],
	logLevel: "warning",
	legalComments: "none",
	absWorkingDir: here,
};

async function buildPage() {
	const out = join(here, "dist");
	await rm(out, { recursive: true, force: true });
	await mkdir(out);
	await build({
		...common,
		entryPoints: { app: "src/main.tsx", style: "src/style/main.css" },
		outdir: out,
		minify: true,
		external: ["./inter.woff2"],
	});
	for (const [from, to] of [["src/index.html", "index.html"], ["src/icon.svg", "icon.svg"], [font, "inter.woff2"]])
		await copyFile(join(here, from), join(out, to));
	for (const name of (await readdir(out)).sort()) {
		const { size } = await stat(join(out, name));
		console.log(`  dist/${name.padEnd(12)} ${String(size).padStart(7)} bytes, ${gzipSync(await readFile(join(out, name))).length} gzipped`);
	}
}

async function runTests() {
	const out = join(here, "node_modules/.cache/unit");
	await rm(out, { recursive: true, force: true });
	const names = (await readdir(join(here, "test"))).filter((name) => name.endsWith(".test.mjs"));
	await build({
		...common,
		entryPoints: names.map((name) => join("test", name)),
		outdir: out,
		outExtension: { ".js": ".mjs" },
		platform: "node",
		target: "node18",
		sourcemap: "inline",
	});
	const files = names.map((name) => join(out, name));
	const result = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...files], { stdio: "inherit" });
	process.exit(result.status ?? 1);
}

await (process.argv.includes("--test") ? runTests() : buildPage());
