import { describe, expect, test } from "vitest";
import { actions } from "../../contracts/actions.ts";
import { reads } from "../../contracts/reads.ts";
import { operations } from "../../operations/registry.ts";
import { makeOrganisation, sharedStack } from "../support/organisation.ts";

interface Entry {
  operationId: string;
  responses: Record<string, unknown>;
  summary: string;
  /** Empty: asked before anybody has said who they are. */
  security?: unknown[];
}

interface Document {
  openapi: string;
  paths: Record<string, Record<string, Entry>>;
  components: { responses: Record<string, { content?: Record<string, unknown> }> };
}

describe("the OpenAPI document", () => {
  test("describes every read, operation and action, and nothing that does not exist", async () => {
    const document = (await (await fetch(`${sharedStack().apiUrl}/openapi.json`)).json()) as Document;
    expect(document.openapi).toMatch(/^3\.1\./);
    const described = Object.values(document.paths).flatMap((item) =>
      Object.values(item).map((entry) => entry.operationId),
    );
    const declared = [
      ...reads.map((read) => read.name),
      ...operations.map((operation) => operation.name),
      ...actions.map((action) => action.name),
      "bootstrap",
      "event.stream",
      "audit.export",
      "sign_in.options",
      "sign_in.dev",
      "sign_in.oidc",
      "sign_out",
    ];
    expect(described.toSorted()).toEqual(declared.toSorted());
    for (const item of Object.values(document.paths))
      for (const entry of Object.values(item)) {
        expect(entry.summary, entry.operationId).not.toBe("");
        const asksWho = entry.security?.length !== 0;
        const refusals = ["401", "403", "422"].filter((status) => status in entry.responses);
        if (asksWho) expect(refusals, entry.operationId).toEqual(["401", "403", "422"]);
        else expect(refusals, entry.operationId).not.toContain("401");
      }
  });

  test("names each refusal once, and refers to it wherever it may be answered", async () => {
    const document = (await (await fetch(`${sharedStack().apiUrl}/openapi.json`)).json()) as Document;
    const named = document.components.responses;
    // What the HTTP server answers by itself has no body.
    for (const [name, response] of Object.entries(named))
      expect(Object.keys(response.content ?? {})).toEqual(
        name === "HeadersTooLarge" ? [] : ["application/problem+json"],
      );
    const used = new Set<string>();
    for (const item of Object.values(document.paths))
      for (const { operationId, responses } of Object.values(item))
        for (const [status, response] of Object.entries(responses)) {
          if (Number(status) < 400) continue;
          const name = /^#\/components\/responses\/(\w+)$/.exec(String((response as { $ref?: unknown }).$ref))?.[1];
          expect(named, `${operationId} ${status}`).toHaveProperty(name ?? "a name");
          used.add(name ?? "");
        }
    expect([...used].toSorted()).toEqual(Object.keys(named).toSorted());
  });

  test("every described path is answered by a route of its own, and asks for a token first", async () => {
    const { apiUrl } = sharedStack();
    const { admin } = await makeOrganisation("doc");
    const document = (await (await fetch(`${apiUrl}/openapi.json`)).json()) as Document;
    for (const [path, item] of Object.entries(document.paths))
      for (const [method, { security }] of Object.entries(item)) {
        if (security?.length === 0) continue;
        const url = `${apiUrl}${path.replace(/\{\w+\}/g, "00000000-0000-4000-8000-000000000000")}`;
        const answer = await fetch(url, { method: method.toUpperCase() });
        expect(answer.status, `${method} ${path}`).toBe(401);
        expect(answer.headers.get("content-type"), `${method} ${path}`).toContain("application/problem+json");
        expect(answer.headers.get("www-authenticate")).toContain("Bearer");
        const authorised = await fetch(url, {
          method: method.toUpperCase(),
          headers: { Authorization: `Bearer ${admin.token}` },
        });
        if (authorised.headers.get("content-type")?.includes("text/event-stream")) await authorised.body?.cancel();
        else expect(await authorised.text(), `${method} ${path}`).not.toContain("Nothing at ");
      }
  });

  test("lists answer with what they declare", async () => {
    const { admin } = await makeOrganisation("doc");
    for (const read of reads.filter(({ path, query }) => !path.includes(":") && query.safeParse({}).success)) {
      const body = await admin.get(read.path);
      expect(read.output.safeParse(body).error, read.name).toBeUndefined();
    }
  });

  test("the documentation page runs from this origin alone", async () => {
    const { apiUrl } = sharedStack();
    const page = await fetch(`${apiUrl}/docs/`);
    expect(page.status).toBe(200);
    const policy = page.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toMatch(/script-src 'self';/);
    for (const asset of ["swagger-ui.css", "swagger-ui-bundle.js", "start.js"])
      expect((await fetch(`${apiUrl}/docs/${asset}`)).status, asset).toBe(200);
  });

  test("what is not there, and what cannot be read, is a problem document", async () => {
    const { admin } = await makeOrganisation("doc");
    expect(await admin.send("POST", "/nowhere", {})).toMatchObject({ status: 404, body: { code: "not_found" } });
    const broken = await fetch(`${sharedStack().apiUrl}/agents`, {
      method: "POST",
      headers: { Authorization: `Bearer ${admin.token}`, "Content-Type": "application/json" },
      body: "{",
    });
    expect(broken.status).toBe(400);
    expect(await broken.json()).toMatchObject({ code: "bad_request" });
    const large = await fetch(`${sharedStack().apiUrl}/agents`, {
      method: "POST",
      headers: { Authorization: `Bearer ${admin.token}`, "Content-Type": "application/json" },
      body: JSON.stringify({ name: "x".repeat(2_000_000) }),
    });
    expect(large.status).toBe(413);
  });
});
