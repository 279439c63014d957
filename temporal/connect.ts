import { Client, Connection } from "@temporalio/client";
import { loadClientConnectConfig } from "@temporalio/envconfig";
import { NativeConnection } from "@temporalio/worker";

interface Target {
  address: string;
  namespace: string;
}

/** TLS, API key and the like come from Temporal's own variables and profile files; address and namespace are ours. */
function optionsFor(target: Target) {
  return { ...loadClientConnectConfig().connectionOptions, address: target.address };
}

/** A client for the namespace; the connection must succeed within ten seconds. */
export async function connectTemporal(target: Target): Promise<Client> {
  const connection = await Connection.connect({ ...optionsFor(target), connectTimeout: "10s" }).catch(refuse(target));
  return new Client({ connection, namespace: target.namespace });
}

/** A connection for workers. */
export async function connectWorker(target: Target): Promise<NativeConnection> {
  return NativeConnection.connect(optionsFor(target)).catch(refuse(target));
}

function refuse({ address }: Target) {
  return (error: unknown): never => {
    throw new Error(`Temporal cannot be reached at ${address}: ${error instanceof Error ? error.message : "unknown"}`);
  };
}
