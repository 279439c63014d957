import { Client, Connection } from "@temporalio/client";

/** A client for the namespace; the first connection must succeed within `connectTimeout`. */
export async function connectTemporal(options: { address: string; namespace: string }): Promise<Client> {
  const connection = await Connection.connect({ address: options.address, connectTimeout: "10s" }).catch((error: unknown) => {
    throw new Error(`Temporal cannot be reached at ${options.address}: ${error instanceof Error ? error.message : "unknown"}`);
  });
  return new Client({ connection, namespace: options.namespace });
}
