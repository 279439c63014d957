import type { MindCall } from "../../simulator/messages/minds.ts";
import type { Simulator } from "../../simulator/server.ts";

type Where = Pick<Simulator, "url">;

/** Arms a scripted mind; throws what the stand-in has against it. */
export async function armMind({ url }: Where, mind: Record<string, unknown>): Promise<void> {
  const response = await fetch(`${url}/_control/minds`, { method: "POST", body: JSON.stringify(mind) });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
}

export async function clearMinds({ url }: Where): Promise<void> {
  await fetch(`${url}/_control/minds`, { method: "DELETE" });
}

/** The requests that a mind has got, oldest first. */
export async function mindCalls({ url }: Where, name: string): Promise<MindCall[]> {
  const response = await fetch(`${url}/_control/minds`);
  const { data } = (await response.json()) as { data: { name: string; requests: MindCall[] }[] };
  return data.find((mind) => mind.name === name)?.requests ?? [];
}

export async function armFaults({ url }: Where, ...faults: Record<string, unknown>[]): Promise<void> {
  const response = await fetch(`${url}/_control/faults`, { method: "POST", body: JSON.stringify(faults) });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
}
