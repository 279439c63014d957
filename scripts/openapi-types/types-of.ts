import openapiTS, { astToString, type OpenAPI3 } from "openapi-typescript";

/** TypeScript source of an OpenAPI 3.1 document's `paths` and `components`, as `openapi-fetch` wants them. */
export async function typesOf(document: object): Promise<string> {
  return astToString(await openapiTS(document as OpenAPI3, { defaultNonNullable: false }));
}
