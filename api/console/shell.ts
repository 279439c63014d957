import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";

const nonceMark = "__CSP_NONCE__";

/** What is served while nothing is built. */
export const notBuilt = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Powerloom</title></head>
<body>
<h1>The console is not built</h1>
<p>The API is running. To build its console, run <code>npm run build:console</code>, name the folder it makes in
<code>POWERLOOM_CONSOLE_DIR</code> if it is not there by itself, and load this page again.</p>
<p><a href="/docs/">The API's documentation</a></p>
</body>
</html>
`;

/**
 * The page all of the console starts from. Read once, and again when the file has changed.
 * @returns the page with the nonce in place, or undefined when there is none
 */
export function createShell(directory: string | undefined): (nonce: string) => Promise<string | undefined> {
  let kept: { mtimeMs: number; text: string } | undefined;
  return async (nonce) => {
    if (directory === undefined) return undefined;
    const file = join(directory, "index.html");
    const { mtimeMs } = await stat(file).catch(absent);
    if (mtimeMs === undefined) return undefined;
    if (kept?.mtimeMs !== mtimeMs) kept = { mtimeMs, text: await readFile(file, "utf8") };
    return kept.text.replaceAll(nonceMark, nonce);
  };
}

function absent(error: NodeJS.ErrnoException): { mtimeMs?: undefined } {
  if (error.code === "ENOENT" || error.code === "ENOTDIR") return {};
  throw error;
}
