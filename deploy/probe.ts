// Health check of a container: 0 when the URL answers with 2xx. The image has no curl.
const url = process.argv[2] ?? "";
const answer = await fetch(url, { signal: AbortSignal.timeout(3_000) }).catch(() => undefined);
process.exit(answer?.ok === true ? 0 : 1);
