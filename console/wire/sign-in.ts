import type { QueryClient } from "@tanstack/react-query";

let leaving = false;

/**
 * Goes to the sign-in page, once however many find out that nobody is signed in. What was shown is forgotten: the next
 * person may be another.
 * @param back come back here afterwards; not when one has left by oneself
 */
export function leaveForSignIn(queries: QueryClient, { back = true } = {}): void {
  if (leaving || location.pathname === "/sign-in") return;
  leaving = true;
  queries.clear();
  const here = location.pathname + location.search;
  location.assign(!back || here === "/" ? "/sign-in" : `/sign-in?return_to=${encodeURIComponent(here)}`);
}
