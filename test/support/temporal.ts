import type { Client } from "@temporalio/client";
import { connectTemporal } from "../../temporal/connect.ts";
import { sharedStack } from "./organisation.ts";

/** A client of the shared stack's Temporal server. Whoever asks closes its connection. */
export function sharedTemporal(): Promise<Client> {
  const { temporalAddress: address, temporalNamespace: namespace } = sharedStack();
  return connectTemporal({ address, namespace });
}
