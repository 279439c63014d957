import { nameInSnakeCase } from "./volatile.ts";

const pathNames = /(?:^|_)(?:path|paths|file|files|filename|file_path|dir|directory|folder|cwd|workdir|root)$/;
const commandNames = /^(?:command|cmd|script|shell)$/;
const verbatimNames =
  /(?:^|_)(?:id|ids|key|token|content|contents|pattern|regex|query|q|name|title|text|body|message|description|password|cursor|sha|hash)$/;

/** One spelling for what several spellings mean. Letter case counts except in single words that can only be choices, as a status is. */
export function spelledOnce(name: string, value: string): string {
  const snake = nameInSnakeCase(name);
  if (pathNames.test(snake)) return pathSpelledOnce(value.trim());
  if (commandNames.test(snake)) return commandSpelledOnce(value);
  if (/(?:^|_)(?:content|contents|body)$/.test(snake)) return value;
  const text = value.trim().replace(/\s+/g, " ");
  return !verbatimNames.test(snake) && /^[A-Za-z][A-Za-z_-]{0,31}$/.test(text) ? text.toLowerCase() : text;
}

/** `./a//b/../c/` is `a/c`. Addresses with a scheme stay as they are. */
function pathSpelledOnce(path: string): string {
  if (path.includes("://")) return path;
  const kept: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && kept.length > 0 && kept.at(-1) !== "..") kept.pop();
    else kept.push(part);
  }
  return (path.startsWith("/") ? "/" : "") + (kept.join("/") || (path.startsWith("/") ? "" : "."));
}

/** Blanks between words mean nothing to a shell, nor do quotes around plain words; what needs its quotes keeps them. */
function commandSpelledOnce(command: string): string {
  return command
    .trim()
    .replace(/\\\n/g, " ")
    .split(/("[^"]*"|'[^']*')/)
    .map((part, index) => (index % 2 === 1 ? unquoted(part) : wordsSpelledOnce(part)))
    .join("")
    .trim();
}

function unquoted(part: string): string {
  return /^.[\w./:@=+-]+.$/.test(part) ? part.slice(1, -1) : part;
}

function wordsSpelledOnce(text: string): string {
  return text
    .replace(/[ \t]+/g, " ")
    .split(/([ \n;|&<>()])/)
    .map((word) => (word.includes("/") && /^[\w./-]+$/.test(word) ? pathSpelledOnce(word) : word))
    .join("")
    .replace(/\bsleep \d+(?:\.\d+)?[smh]?/g, "sleep <duration>");
}
