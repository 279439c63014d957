import { open, rename, rm } from "node:fs/promises";
import { CliFailure, exitCodes } from "./failure.ts";
import { linesOf } from "./lines.ts";

/**
 * Copies an export as it comes and counts its entries. The file appears only when it is whole: the last line must be the
 * head, or the stream was cut off.
 */
export async function exportTo(
  response: Response,
  out: string | undefined,
  write: (text: string) => unknown,
): Promise<number> {
  const draft = out === undefined ? undefined : `${out}.partial`;
  const file = draft === undefined ? undefined : await open(draft, "w", 0o600);
  try {
    const entries = await copy(response, async (text) => {
      if (file === undefined) write(text);
      else await file.write(text);
    });
    await file?.close();
    if (draft !== undefined && out !== undefined) await rename(draft, out);
    return entries;
  } catch (error) {
    await file?.close();
    if (draft !== undefined) await rm(draft, { force: true });
    if (error instanceof CliFailure) throw error;
    throw new CliFailure(exitCodes.failed, `The export broke off: ${String(error)}`, {}, { cause: error });
  }
}

async function copy(response: Response, write: (text: string) => Promise<void>): Promise<number> {
  let lines = 0;
  let last = "";
  for await (const line of linesOf(response.body ?? new Blob([]).stream())) {
    if (line.trim() === "") continue;
    await write(`${line}\n`);
    lines += 1;
    last = line;
  }
  if (!last.startsWith('{"head"')) throw new CliFailure(exitCodes.failed, "The export broke off: its head is missing.");
  return lines - 1;
}
