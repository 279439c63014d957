import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask } from "../../support/ask.ts";
import { makeOrganisation, sharedStack, type TestOrganisation } from "../../support/organisation.ts";
import { type OwnApi, startOwnApi } from "../../support/own-api.ts";

const stack = sharedStack();
let organisation: TestOrganisation;
let production: OwnApi;

/** The same API over the same database, with the same name and keys, in production mode. */
beforeAll(async () => {
  organisation = await makeOrganisation("prod");
  production = await startOwnApi({ POWERLOOM_API_URL: stack.apiUrl });
});
afterAll(() => production.close());

describe("dev login", () => {
  const signIn = (apiUrl: string) => ask("none", "POST", "/dev/login", { email: organisation.admin.email }, apiUrl);

  test("works in dev mode", async () => {
    expect(await signIn(stack.apiUrl)).toMatchObject({ status: 200, body: { token_type: "Bearer" } });
  });

  test("does not exist in production mode", async () => {
    expect(await signIn(production.url)).toMatchObject({ status: 404, body: { code: "not_found" } });
  });

  test("a token it made in dev mode does not outlive it", async () => {
    expect((await ask(organisation.admin.token, "GET", "/me")).status).toBe(200);
    expect(await ask(organisation.admin.token, "GET", "/me", undefined, production.url)).toMatchObject({
      status: 401,
      body: { code: "unauthenticated" },
    });
  });
});
