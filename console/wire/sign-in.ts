import type { QueryClient } from "@tanstack/react-query";

/** Goes to the sign-in page, and remembers where from. What was shown is forgotten: the next person may be another. */
export function leaveForSignIn(queries: QueryClient): void {
  if (location.pathname === "/sign-in") return;
  queries.clear();
  const here = location.pathname + location.search;
  location.assign(here === "/" ? "/sign-in" : `/sign-in?return_to=${encodeURIComponent(here)}`);
}
