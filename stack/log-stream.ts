/** One stream for the lines of all parts. */
export interface LogStream {
  /** A line of a part, as it printed it. */
  line(part: string, text: string): void;
}

/** How the stream is written. */
export interface LogStreamOptions {
  /** Takes one finished line, without its end. */
  log: (line: string) => void;
  /** Default: whether standard output is a terminal (and NO_COLOR is not set). */
  color?: boolean;
}

const palette = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94];
const narrowest = 10;

/** Makes the stream: a padded, coloured name before each line, JSON log lines in words. */
export function createLogStream(options: LogStreamOptions): LogStream {
  const color = options.color ?? (process.stdout.isTTY === true && !process.env["NO_COLOR"]);
  const colors = new Map<string, number>();
  let width = narrowest;
  return {
    line(part, text) {
      width = Math.max(width, part.length);
      const code = colors.get(part) ?? palette[colors.size % palette.length] ?? 36;
      colors.set(part, code);
      const name = paint(part.padEnd(width), code, color);
      options.log(`${name} ${paint("|", 90, color)} ${renderLine(text, color)}`);
    },
  };
}

const levels: Record<number, readonly [string, number]> = {
  10: ["trace", 90],
  20: ["debug", 90],
  30: ["info", 32],
  40: ["warn", 33],
  50: ["error", 31],
  60: ["fatal", 31],
};

const longestField = 160;

/** Renders a JSON log line of pino as time, level, message and fields; any other line stays as it is. */
export function renderLine(text: string, color: boolean): string {
  const entry = parseEntry(text);
  if (!entry) return text;
  const { level, time, msg, pid: _pid, hostname: _hostname, name: _name, v: _v, err, stack, ...fields } = entry;
  const [label, code] = levels[Number(level)] ?? [String(level), 37];
  const shown = [
    ...(time === undefined ? [] : [paint(clock(time), 90, color)]),
    paint(label.padEnd(5), code, color),
    ...(msg === undefined ? [] : [typeof msg === "string" ? msg : brief(msg)]),
    ...Object.entries(fields).map(([key, value]) => paint(`${key}=${brief(value)}`, 90, color)),
    ...(err === undefined ? [] : [faultText(err)]),
    ...(typeof stack === "string" ? [stack] : []),
  ];
  return shown.join(" ");
}

function parseEntry(text: string): Record<string, unknown> | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    const value = JSON.parse(text) as Record<string, unknown>;
    return "level" in value && ("msg" in value || "time" in value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function clock(time: unknown): string {
  const date = new Date(time as string | number);
  return Number.isNaN(date.getTime()) ? String(time) : date.toTimeString().slice(0, 8);
}

function brief(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "undefined");
  return text.length > longestField ? `${text.slice(0, longestField)}…` : text;
}

function faultText(fault: unknown): string {
  if (typeof fault !== "object" || fault === null) return brief(fault);
  const { stack, message } = fault as { stack?: unknown; message?: unknown };
  if (typeof stack === "string") return stack;
  return typeof message === "string" ? message : brief(fault);
}

function paint(text: string, code: number, color: boolean): string {
  return color ? `\u001b[${code}m${text}\u001b[0m` : text;
}
