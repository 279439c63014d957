/** Characters of a token. Node takes 16 KB of headers in all; what identity providers make has one or two, rarely ten. */
const longest = 12_288;

/**
 * Refuses what could be read in two ways, before anybody reads it: tokens that are not in canonical form (non-canonical
 * base64url decodes to the same bytes: two strings for one token would defeat a denylist), and names that come twice in
 * header or claims (RFC 7519 §4: parsers differ in which of them counts).
 * @throws Error with the reason
 */
export function requireUnambiguous(token: string): void {
  if (token.length > longest) throw new Error(`it is too long: at most ${longest} characters`);
  const [header, claims, signature, ...more] = token.split(".");
  const isToken = header && claims && signature && more.length === 0;
  if (!isToken || ![header, claims, signature].every(isCanonical)) throw new Error("it is not a JWT in canonical form");
  for (const part of [header, claims])
    if (repeatsAName(Buffer.from(part, "base64url").toString("utf8"))) throw new Error("it says the same thing twice");
}

function isCanonical(part: string): boolean {
  return Buffer.from(part, "base64url").toString("base64url") === part;
}

/** Whether an object in this JSON text has two members of one name, however it is written. */
function repeatsAName(json: string): boolean {
  const open: (Set<unknown> | undefined)[] = [];
  let previous = "";
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/gs)) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(undefined);
    else if (token === "}" || token === "]") open.pop();
    else if (token === ":") {
      const name: unknown = JSON.parse(previous);
      const names = open.at(-1);
      if (names?.has(name)) return true;
      names?.add(name);
    }
    previous = token;
  }
  return false;
}
