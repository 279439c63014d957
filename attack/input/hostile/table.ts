import type { Arena } from "../../arena.ts";
import type { Report } from "../../report.ts";
import { bodies, texts } from "./bodies.ts";
import { paths } from "./paths.ts";
import { type Case, type Scene, setScene } from "./scene.ts";
import { streams } from "./streams.ts";
import { slowClients, wire } from "./wire.ts";

const sections: Record<string, Case[]> = {
  "JSON bodies": bodies,
  "Text and names": texts,
  "Paths and file names": paths,
  "HTTP on the wire": wire,
  "Slow clients": slowClients,
  "WebSockets and server-sent events": streams,
};

const introduction = `# Hostile input, and its answers

What was sent to a running Powerloom, and what came back. \`npm run attack -- --only input\` sends it all again and writes this
file; a test sends what takes no minute, and compares.
`;

/**
 * Sends everything hostile.
 * @param written the table as it stands: rows of what is not tried now are taken from it
 * @returns the table as it should be
 */
export async function attackByTable(
  arena: Arena,
  { long, written }: { long: boolean; written: string },
): Promise<Report & { table: string }> {
  const scene = await setScene(arena);
  const tried = Object.values(sections)
    .flat()
    .filter((one) => long || one.long === undefined);
  // Slow ones first and beside the others: they wait more than they work.
  const waiting = tried.filter((one) => slowClients.includes(one)).map((one) => answerTo(scene, one));
  const answers = new Map<Case, string>();
  for (const one of tried) if (!slowClients.includes(one)) answers.set(one, await answerTo(scene, one));
  for (const [index, one] of tried.filter((other) => slowClients.includes(other)).entries())
    answers.set(one, (await waiting[index]) ?? "");
  const alive = await fetch(`${arena.apiUrl}/readyz`);
  const violations = [...answers].flatMap(([{ what, answer }, given]) =>
    answer.test(given) ? [] : [`${what}: ${given}, and not ${answer}`],
  );
  if (alive.status !== 200) violations.push(`afterwards /readyz answers ${alive.status}`);
  return {
    tallies: Object.entries(sections).map(([name, cases]) => ({
      what: `hostile input: ${name}`,
      tried: cases.filter((one) => answers.has(one)).length,
      outcome: cases.every((one) => answers.has(one))
        ? "each in docs/hostile-input.md"
        : "the others only in the long form",
    })),
    violations,
    table: render(answers, written),
  };
}

function answerTo(scene: Scene, { attempt }: Case): Promise<string> {
  return attempt(scene).catch(
    (error: unknown) => `no answer: ${String(error instanceof Error ? (error.cause ?? error) : error)}`,
  );
}

function render(answers: ReadonlyMap<Case, string>, written: string): string {
  const cell = (text: string) => text.replaceAll("|", "\\|");
  const rows = new Map(
    written.split("\n").flatMap((line) => (line.startsWith("| ") ? [[line.split(" | ")[0], line]] : [])),
  );
  const row = (one: Case) => {
    const start = `| ${cell(one.what)}`;
    const answer = answers.get(one);
    return answer === undefined ? (rows.get(start) ?? `${start} | not tried yet |`) : `${start} | ${cell(answer)} |`;
  };
  return [
    introduction,
    ...Object.entries(sections).map(
      ([name, cases]) => `## ${name}\n\n| sent | answer |\n| --- | --- |\n${cases.map(row).join("\n")}\n`,
    ),
  ].join("\n");
}
