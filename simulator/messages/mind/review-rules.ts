export interface ReviewFinding {
  file: string;
  line: number;
  category: "n_plus_one" | "security" | "correctness";
  severity: "info" | "low" | "medium" | "high" | "critical";
  message: string;
}

type Rule = Pick<ReviewFinding, "severity" | "message"> & { pattern: RegExp; except?: RegExp };

const security: Rule[] = [
  {
    // A tagged template is most often a prepared statement.
    pattern:
      /(?<![\w)])`\s*(?:select\b.+\bfrom|insert\s+into|update\b.+\bset|delete\s+from)\b[^`]*\$\{|["']\s*(?:select\b.+\bfrom|insert\s+into|update\b.+\bset|delete\s+from)\b[^"']*["']\s*\+/i,
    severity: "critical",
    message: "SQL is put together from text: use parameters",
  },
  { pattern: /(?<![\w.])eval\s*\(|\bnew\s+Function\s*\(/, severity: "high", message: "Text is run as code" },
  {
    pattern: /\b(?:exec|execSync|spawn|spawnSync)\s*\(\s*(?:`[^`]*\$\{|["'][^"']*["']\s*\+)/,
    severity: "high",
    message: "A shell command is put together from text: pass arguments as a list",
  },
  {
    pattern:
      /\b\w*(?:password|passwd|secret|api_?key|access_?token|private_?key)\w*\s*[:=]\s*["'][^"'\s]{6,}["']|-----BEGIN [A-Z ]*PRIVATE KEY/i,
    except: /process\.env|example|placeholder|changeme/i,
    severity: "critical",
    message: "A secret stands in the source",
  },
];
const query =
  /\.(?:query|execute|findOne|findById|findUnique|findFirst|findByPk)\s*\(|(?<![\w.])fetch\s*\(|\bsql`|\bdb\.(?:get|all|run|select|find)\s*\(/g;
const loop = /(?<![\w.])(for|while)\s*(?:await\s*)?\(|\.(?:forEach|map|flatMap)\s*\(/g;

/** Judges one file by how its text looks. Says nothing about what no rule is about. */
export function reviewFile(file: string, source: string): ReviewFinding[] {
  const text = withoutComments(source);
  const lineAt = (index: number) => text.slice(0, index).split("\n").length;
  const findings: ReviewFinding[] = [];
  const bodies = loopBodies(text);
  for (const { index } of text.matchAll(query)) {
    if (!bodies.some(({ start, end }) => index >= start && index < end)) continue;
    findings.push({
      file,
      line: lineAt(index),
      category: "n_plus_one",
      severity: "high",
      message: "A query runs once per round of a loop: fetch what is needed in one",
    });
  }
  for (const [index, line] of text.split("\n").entries()) {
    for (const { pattern, except, severity, message } of security) {
      if (pattern.test(line) && except?.test(line) !== true) {
        findings.push({ file, line: index + 1, category: "security", severity, message });
      }
    }
  }
  return findings.toSorted((a, b) => a.line - b.line);
}

// Blanked, so that every other position stays.
function withoutComments(source: string): string {
  return source.replaceAll(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/[^\n]*/g, (comment) => comment.replaceAll(/[^\n]/g, " "));
}

/** What runs once per round: the statement of `for`, condition and statement of `while`, the arguments of `map`. */
function loopBodies(text: string): { start: number; end: number }[] {
  const bare = text.replaceAll(/"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g, (string) =>
    string.replaceAll(/[(){}]/g, " "),
  );
  return [...bare.matchAll(loop)].map((match) => {
    const open = match.index + match[0].length - 1;
    const close = closing(bare, open);
    if (match[1] === undefined) return { start: open, end: close };
    const body = close + 1 + (/^\s*/.exec(bare.slice(close + 1))?.[0].length ?? 0);
    const ending = /[;\n]/.exec(bare.slice(body));
    const end = bare[body] === "{" ? closing(bare, body) : body + (ending?.index ?? bare.length);
    return { start: match[1] === "while" ? open : body, end };
  });
}

function closing(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === "(" || character === "{") depth += 1;
    if (character === ")" || character === "}") depth -= 1;
    if (depth === 0) return at;
  }
  return text.length;
}
