/** What the API itself answers browsers with, besides JSON: documents, downloads, redirects, streams. */
const ownDocuments: readonly RegExp[] = [
  /^\/docs(\/|$)/,
  /^\/(openapi\.json|healthz|readyz|metrics)$/,
  /^\/\.well-known\//,
  /^\/oauth\//,
  /^\/sign-in\/(oidc|callback)$/,
  /^\/console\//,
  /\/(export|stream)$/,
];

/** Whether a browser that asks for a page at this path gets the console. */
export function isShellPath(path: string): boolean {
  return !ownDocuments.some((pattern) => pattern.test(path));
}
