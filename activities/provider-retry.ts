import { ApplicationFailure } from "@temporalio/activity";
import type { ProviderFault } from "../claude/faults.ts";

/** The failure to throw for a fault that passes: when the provider says when to try again, that is the delay. */
export function retryLater({ raw, retryAfterMs }: ProviderFault): ApplicationFailure {
  return ApplicationFailure.create({
    message: JSON.stringify(raw).slice(0, 300),
    type: "ProviderUnavailable",
    ...(retryAfterMs === undefined ? {} : { nextRetryDelay: retryAfterMs }),
  });
}
