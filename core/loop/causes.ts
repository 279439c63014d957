/** What stands in the way of everything, as operating systems and tools say it. First match counts. */
const systemCauses: readonly (readonly [string, RegExp])[] = [
  ["no space", /\bENOSPC\b|_ENOSPC\b|no space left on device/i],
  ["read-only file system", /\bEROFS\b|read-only file system/i],
  ["quota", /\bEDQUOT\b|quota exceeded/i],
  ["no memory", /\bENOMEM\b|out of memory|cannot allocate memory/i],
  [
    "not signed in",
    /authentication (?:failed|required)|bad credentials|(?:HTTP|error:?|status) 401|401 unauthori[sz]ed|invalid (?:api key|token|credentials)|token (?:has |is )?expired|not (?:logged|signed) in/i,
  ],
  ["forbidden", /(?:HTTP|error:?|status) 403|403 forbidden|access denied/i],
  ["certificate", /certificate (?:has expired|problem|verify failed)|self[- ]signed certificate|\bCERT_HAS_EXPIRED\b/i],
  ["too many files", /\bEMFILE\b|too many open files/i],
  ["port in use", /\bEADDRINUSE\b|address already in use/i],
  ["no daemon", /cannot connect to the docker daemon/i],
  ["no permission", /\bEACCES\b|\bEPERM\b|permission denied|operation not permitted/i],
  ["connection refused", /\bECONNREFUSED\b|connection refused|could not connect to/i],
  [
    "unknown host",
    /\bENOTFOUND\b|\bEAI_AGAIN\b|could not resolve|name or service not known|temporary failure in name resolution/i,
  ],
  ["unreachable", /\bENETUNREACH\b|\bEHOSTUNREACH\b|network is unreachable|no route to host/i],
  ["timed out", /\bETIMEDOUT\b|timed out/i],
  ["command not found", /command not found/i],
  ["not found", /\bENOENT\b|no such file or directory/i],
];

const refusalCauses: readonly (readonly [string, RegExp])[] = [
  ...systemCauses,
  ["not found", /\bnot found\b|\bdoes not exist\b|\bno such\b|\b404\b/i],
  ["not signed in", /\b401\b|unauthori[sz]ed/i],
  ["forbidden", /\b403\b|forbidden/i],
];

export interface Cause {
  name: string;
  /** A miss while looking for something: more of them are normal. */
  looking: boolean;
}

/**
 * Why a call failed, in words that are the same for other arguments. What ran and failed says so in its output, which is
 * judged as an answer unless it names a cause of the system, as is a failure that was reported as a result; what was
 * refused says why, and its quotations and numbers are the arguments'.
 */
export function causeOf(words: string, failure: "command" | "reported" | "refused"): Cause | null {
  const said = words.length > 4000 ? `${words.slice(0, 2000)}\n${words.slice(-2000)}` : words;
  const known = (failure === "command" ? systemCauses : refusalCauses).find(([, shape]) => shape.test(said))?.[0];
  if (known !== undefined) return { name: known, looking: known === "not found" };
  if (failure !== "refused") return null;
  const bare = said
    .slice(0, 400)
    .replace(/`[^`]*`|"[^"]*"|'[^']*'/g, "<>")
    .replace(/[\w.-]*\/[\w./-]*/g, "<>")
    .replace(/\d+/g, "<>");
  return { name: bare.toLowerCase(), looking: false };
}
