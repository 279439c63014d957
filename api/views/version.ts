/** The version of what is shown, to be sent back in If-Match; undefined for what has none. */
export function versionOf(result: unknown): number | undefined {
  if (typeof result !== "object" || result === null) return undefined;
  for (const field of ["generation", "latest_version", "version"])
    if (field in result && typeof result[field as keyof typeof result] === "number")
      return result[field as keyof typeof result];
  return undefined;
}
