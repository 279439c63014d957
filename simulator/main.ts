import { startSimulator } from "./server.ts";

const environment = process.env;

function wholeNumber(name: string, fallback: number, largest: number): number {
  const text = environment[name];
  if (text === undefined || text === "") return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > largest) {
    process.stderr.write(`${name} must be a whole number between 0 and ${largest}, not "${text}".\n`);
    process.exit(1);
  }
  return value;
}

const write = (line: Record<string, unknown>) => process.stdout.write(`${JSON.stringify(line)}\n`);
const stateFile = environment["POWERLOOM_SIMULATOR_STATE"];
const simulator = await startSimulator({
  port: wholeNumber("POWERLOOM_SIMULATOR_PORT", 4010, 65_535),
  host: environment["POWERLOOM_SIMULATOR_HOST"] || "127.0.0.1",
  paceMs: wholeNumber("POWERLOOM_SIMULATOR_PACE_MS", 0, 60_000),
  log: write,
  ...(stateFile === undefined || stateFile === "" ? {} : { stateFile }),
});
write({
  level: "info",
  msg: "listening",
  url: simulator.url,
  state: stateFile || "memory",
  banner:
    "This is a local stand-in for the Anthropic API. There is no language model behind it: a small deterministic operator reads the prompts.",
});

let closing = false;
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => {
    if (closing) return;
    closing = true;
    void simulator.close().then(() => process.exit(0));
  });
}
