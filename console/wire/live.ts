import { useEffect, useSyncExternalStore } from "react";
import { queryClient } from "./client.ts";
import { followEvents } from "./event-stream.ts";
import { createRefresher } from "./refresher.ts";
import { leaveForSignIn } from "./sign-in.ts";

/** Whether a query asks for something at or below one of these paths. */
function asksFor(queryKey: readonly unknown[], roots: ReadonlySet<string>): boolean {
  const path = queryKey[1];
  return typeof path === "string" && roots.has(`/${path.split("/")[1] ?? ""}`);
}

type Connection = "connecting" | "live" | "broken";
let connection: Connection = "connecting";
const watchers = new Set<() => void>();

function setConnection(next: Connection): void {
  if (connection === next) return;
  connection = next;
  for (const watcher of watchers) watcher();
}

/** Whether what is shown follows what happens. */
export function useConnection(): Connection {
  return useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => connection,
  );
}

/** Follows the organisation's changes while mounted, and has what they touch asked for again. */
export function useLiveUpdates(): void {
  useEffect(() => {
    const stop = new AbortController();
    const refresher = createRefresher((roots) => {
      void queryClient.invalidateQueries({ predicate: ({ queryKey }) => asksFor(queryKey, roots) });
    });
    let wasBroken = false;
    void followEvents({
      url: (after) => (after === undefined ? "/events" : `/events?after=${after}`),
      signal: stop.signal,
      onEvent: ({ event }) => refresher.touch(event ?? ""),
      onState: (state) => {
        setConnection(state === "open" ? "live" : "broken");
        // Nothing was heard before the first event: whatever happened meanwhile is asked for.
        if (state === "open" && wasBroken) void queryClient.invalidateQueries();
        wasBroken = state === "broken";
      },
      onRefused: (problem) => {
        setConnection("broken");
        if (problem.status === 401) leaveForSignIn(queryClient);
      },
    });
    return () => {
      stop.abort();
      refresher.stop();
      setConnection("connecting");
    };
  }, []);
}
