/** Another endpoint that speaks the Messages API, asked when those before it are down. */
export interface ModelFallback {
  name: string;
  baseUrl: string;
  apiKey: string;
}

const most = 8;
const namePattern = /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/;

/**
 * Reads `POWERLOOM_MODEL_FALLBACKS` (`name=url,…`, in the order in which they are asked) and
 * `POWERLOOM_MODEL_FALLBACK_KEYS` (`name=key,…`). Keys have a variable of their own, because URLs end up in logs; no fault
 * repeats one.
 */
export function readModelFallbacks(
  urls: string,
  keys: string,
): { fallbacks: readonly ModelFallback[]; faults: readonly string[] } {
  const faults: string[] = [];
  const ofUrls = (fault: string) => faults.push(`POWERLOOM_MODEL_FALLBACKS: ${fault}`);
  const ofKeys = (fault: string) => faults.push(`POWERLOOM_MODEL_FALLBACK_KEYS: ${fault}`);
  const keyOf = new Map<string, string>();
  for (const [index, [name, key]] of pairsOf(keys).entries()) {
    if (name === undefined || key === "") ofKeys(`entry ${index + 1} must be <name>=<key>`);
    else if (keyOf.has(name)) ofKeys(`${name} is there twice`);
    else keyOf.set(name, key);
  }
  const fallbacks: ModelFallback[] = [];
  for (const [index, [name, text]] of pairsOf(urls).entries()) {
    if (name === undefined || !namePattern.test(name)) {
      ofUrls(`entry ${index + 1} must be <name>=<url>, the name of up to 32 lower-case letters, digits and hyphens`);
      continue;
    }
    if (fallbacks.some((one) => one.name === name)) ofUrls(`${name} is there twice`);
    const fault = faultOf(text);
    if (fault !== undefined) ofUrls(`${name} ${fault}`);
    const apiKey = keyOf.get(name);
    if (apiKey === undefined) ofKeys(`has no key for ${name}; one that wants none takes any word`);
    fallbacks.push({ name, baseUrl: text.replace(/\/+$/, ""), apiKey: apiKey ?? "" });
  }
  if (fallbacks.length > most) ofUrls(`at most ${most} endpoints`);
  const known = new Set(fallbacks.map(({ name }) => name));
  for (const name of keyOf.keys())
    if (namePattern.test(name) && !known.has(name)) ofKeys(`${name} is not among POWERLOOM_MODEL_FALLBACKS`);
  return { fallbacks, faults };
}

/** `undefined` for an entry without a name. */
function pairsOf(text: string): [name: string | undefined, value: string][] {
  return text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "")
    .map((entry) => {
      const cut = entry.indexOf("=");
      return cut < 1 ? [undefined, entry] : [entry.slice(0, cut).trim(), entry.slice(cut + 1).trim()];
    });
}

function faultOf(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) return "must be an http or https URL";
  if (url.username !== "" || url.password !== "")
    return "must not have a name or password in its URL: keys belong into POWERLOOM_MODEL_FALLBACK_KEYS";
  if (url.search !== "" || url.hash !== "") return "must be a URL without ? and #";
  return undefined;
}
