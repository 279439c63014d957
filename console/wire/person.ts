import type { Middleware } from "openapi-fetch";
import type { ApiProblem } from "./problem.ts";

/** Whom this page was loaded for, as soon as the API has said so. */
let person: string | undefined;

/**
 * Names in every request whom this page shows as signed in. The cookie is the browser's: in another window somebody else may
 * have signed in since, and nothing chosen here is to be done in their name.
 */
export const namePerson: Middleware = {
  onRequest({ request }) {
    if (person !== undefined) request.headers.set("Powerloom-Person", person);
  },
  async onResponse({ schemaPath, response }) {
    if (schemaPath !== "/me" || !response.ok) return;
    const { principal_id: id } = (await response.clone().json()) as { principal_id?: string };
    person ??= id;
  },
};

/** Whether a request was refused because the browser's cookie is somebody else's now. */
export function isOfAnother({ status, body }: ApiProblem): boolean {
  return status === 409 && body["rule"] === "same-person";
}

let reloading = false;

/** Loads the page anew, for whoever is signed in now; nothing of the one before stays in memory. */
export function reloadOnce(): void {
  if (reloading) return;
  reloading = true;
  location.reload();
}
