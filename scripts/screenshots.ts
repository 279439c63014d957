import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openDevOrganisation } from "../demo/organisation.ts";
import { startLocalStack } from "../stack/local-stack.ts";
import { launchBrowser } from "./browser.ts";

// Makes the pictures of the Temporal UI in docs/images: the list, and a mutation that waits for approval.
const images = fileURLToPath(new URL("../docs/images/", import.meta.url));
const directory = await mkdtemp(join(tmpdir(), "powerloom-pictures-"));
const stack = await startLocalStack({
  stateDirectory: directory,
  environment: process.env,
  mode: "dev",
  anyPorts: true,
  log: () => undefined,
});
const organisation = await openDevOrganisation(stack, directory, () => undefined);
const browser = await launchBrowser();
try {
  const asked = await organisation.admin.send("POST", "/agents", { name: "deploy-watch", ou: "/acme/production" });
  const workflowId = String(asked.body["workflow_id"]);
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  const workflows = `${stack.temporalUiUrl}/namespaces/${stack.temporalNamespace}/workflows`;
  await page.goto(workflows, { waitUntil: "networkidle" });
  await page.getByText(workflowId).first().waitFor();
  await page.screenshot({ path: join(images, "temporal-list.png") });
  // Never idle: this page keeps a long poll open.
  await page.goto(`${workflows}/${encodeURIComponent(workflowId)}`, { waitUntil: "load" });
  await page.getByText("User Metadata").first().click();
  await page.getByText("Current Details").first().waitFor();
  // The details are the answer to a query, and come after the page.
  await page.waitForTimeout(2_500);
  await page.screenshot({ path: join(images, "temporal-waiting-run.png") });
} finally {
  await browser.close();
  await organisation.close();
  await stack.stop();
  await rm(directory, { recursive: true, force: true });
}
