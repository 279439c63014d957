import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { build } from "vite";

/** `npm run build:console [folder]`: the web console as files, each beside its compressed forms, which the API serves. */

const root = fileURLToPath(new URL("../console/", import.meta.url));
const target = resolve(process.argv[2] ?? `${root}dist`);

await build({
  configFile: false,
  logLevel: "warn",
  root,
  base: "/console/",
  plugins: [react()],
  build: {
    outDir: target,
    emptyOutDir: true,
    // The first of each that know light-dark(): what stands in for it elsewhere does not see Mantine's colour scheme.
    target: ["chrome123", "edge123", "firefox120", "safari17.5"],
    // Chunks are preloaded by the browser itself; the polyfill would be a script inside the page.
    modulePreload: { polyfill: false },
    // As data: URLs they would count against the content security policy.
    assetsInlineLimit: 0,
    // Browsers that know light-dark(): written out for older ones, it would no longer follow Mantine's colour scheme.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    chunkSizeWarningLimit: 1_000,
  },
});

for (const entry of await readdir(join(target, "assets"), { withFileTypes: true })) {
  if (!entry.isFile() || !/\.(js|css|svg)$/.test(entry.name)) continue;
  const path = join(target, "assets", entry.name);
  const content = await readFile(path);
  await writeFile(`${path}.gz`, gzipSync(content, { level: 9 }));
  await writeFile(
    `${path}.br`,
    brotliCompressSync(content, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_SIZE_HINT]: content.length },
    }),
  );
}
