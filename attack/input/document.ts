import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";

export interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  pattern?: string;
  format?: string;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  minimum?: number;
  maximum?: number;
}

interface Media {
  content?: Record<string, { schema: Schema }>;
}

/** One route of the document. */
export interface Route {
  name: string;
  method: string;
  path: string;
  parameters: { name: string; in: "path" | "query" | "header"; required?: boolean; schema: Schema }[];
  requestBody?: Media;
  responses: Record<string, Media & { $ref?: string }>;
}

/** The API's own description, and what an answer must look like by it. */
export interface Document {
  routes: Route[];
  /** The schema behind a reference, or the schema itself. */
  resolve(schema: Schema): Schema;
  /** What is wrong with an answer, in words; undefined when it is as described. */
  faultOf(route: Route, answer: { status: number; type: string; text: string }): string | undefined;
}

/** Reads the document an API publishes. */
export async function readDocument(apiUrl: string): Promise<Document> {
  const document = (await (await fetch(`${apiUrl}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, Omit<Route, "name" | "method" | "path"> & { operationId: string }>>;
    components: { schemas: Record<string, Schema>; responses: Record<string, Media> };
  };
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(document, "api");
  const validators = new Map<string, ValidateFunction>();
  const at = <Found>(reference: string) =>
    reference
      .slice(2)
      .split("/")
      .reduce<unknown>((found, part) => (found as Record<string, unknown>)[part], document) as Found;

  const routes = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(
      ([method, { operationId, ...rest }]): Route => ({
        ...rest,
        name: operationId,
        method: method.toUpperCase(),
        path,
        parameters: rest.parameters ?? [],
      }),
    ),
  );

  /** Compiled where it stands in the document, so that its references are found. */
  function validator({ path, method }: Route, status: string, type: string, referred: string | undefined) {
    const escaped = (text: string) => encodeURIComponent(text.replaceAll("~", "~0").replaceAll("/", "~1"));
    const place = referred ?? `#/paths/${escaped(path)}/${method.toLowerCase()}/responses/${status}`;
    const pointer = `api${place}/content/${escaped(type)}/schema`;
    const known = validators.get(pointer);
    if (known !== undefined) return known;
    const compiled = ajv.compile({ $ref: pointer });
    validators.set(pointer, compiled);
    return compiled;
  }

  return {
    routes,
    resolve: (schema) => (schema.$ref === undefined ? schema : at<Schema>(schema.$ref)),
    faultOf(route, { status, type, text }) {
      const described = route.responses[status];
      if (described === undefined) return `status ${status} is not described: ${text.slice(0, 300)}`;
      const content = described.$ref === undefined ? described.content : at<Media>(described.$ref).content;
      const given = type.split(";")[0] ?? "";
      if (content === undefined) return text === "" ? undefined : `a body of ${given} is not described`;
      if (content[given] === undefined) return `the type ${given} is not described for ${status}`;
      if (!given.endsWith("json")) return undefined;
      const valid = validator(route, String(status), given, described.$ref);
      if (valid(JSON.parse(text))) return undefined;
      const [error] = valid.errors ?? [];
      return `${status} ${error?.instancePath} ${error?.message} ${JSON.stringify(error?.params)}: ${text.slice(0, 300)}`;
    },
  };
}
