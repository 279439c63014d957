import type { Shown } from "../../wire/client.ts";

export const syncStates = ["pending", "synced", "error"] as const satisfies Shown["Agent"]["sync_state"][];
export const agentKinds = ["user", "service"] as const satisfies Shown["Agent"]["kind"][];
