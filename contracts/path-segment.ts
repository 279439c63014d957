/**
 * A text as one segment of a URL's path, escaped. Undefined when it cannot be one: an empty segment, "." and ".." ask for
 * something else, escaped or not (WHATWG URL, path state), and half a surrogate pair has no UTF-8.
 */
export function pathSegment(text: string): string | undefined {
  return /^\.{0,2}$/.test(text) || !text.isWellFormed() ? undefined : encodeURIComponent(text);
}
