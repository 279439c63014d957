/** A path of this app, whatever was given: never another origin. */
export function localPath(given: unknown): string {
  return typeof given === "string" && /^\/(?![/\\])[^\\\p{Cc}]*$/u.test(given) ? given : "/";
}
