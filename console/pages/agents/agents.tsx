import { Page } from "../../parts/page.tsx";

/** Agents by OU. */
export function Agents() {
  return <Page title="Agents">…</Page>;
}
