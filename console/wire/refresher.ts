/** What an event's name begins with → the paths whose answers it may have changed. */
const touched: Readonly<Record<string, readonly string[]>> = {
  agent: ["/agents", "/requests", "/audit"],
  credential: ["/agents", "/requests"],
  skill: ["/skills", "/agents", "/requests"],
  mcp_server: ["/mcp-servers", "/agents", "/requests"],
  approval: ["/approvals", "/requests", "/audit"],
  request: ["/requests", "/approvals", "/audit"],
  run: ["/runs", "/budgets", "/elevations"],
  session: ["/sessions"],
  ou: ["/ous", "/requests"],
  user: ["/users", "/authority", "/requests"],
  group: ["/groups", "/users", "/authority", "/me", "/requests"],
  binding: ["/bindings", "/users", "/authority", "/me", "/requests"],
  role: ["/bindings", "/users", "/authority", "/me", "/requests"],
  policy: ["/approval-policies", "/requests"],
  governance: ["/governance", "/requests"],
  budget: ["/budgets", "/requests"],
  elevation: ["/elevations", "/requests"],
};

/** However fast events come, what is shown is asked for anew at most this often. */
const quietMs = 1_000;
const firstMs = 60;

/** Collects what events have touched and lets it be asked for again, at once for the first and then at most every second. */
export function createRefresher(refresh: (roots: ReadonlySet<string>) => void, now: () => number = Date.now) {
  let waiting = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = Number.NEGATIVE_INFINITY;
  const fire = () => {
    timer = undefined;
    last = now();
    const roots = waiting;
    waiting = new Set();
    refresh(roots);
  };
  return {
    /** @param event name of an event, such as `agent.create` */
    touch(event: string): void {
      for (const root of touched[event.split(".")[0] ?? ""] ?? []) waiting.add(root);
      if (waiting.size > 0) timer ??= setTimeout(fire, Math.max(firstMs, last + quietMs - now()));
    },
    stop(): void {
      clearTimeout(timer);
    },
  };
}
