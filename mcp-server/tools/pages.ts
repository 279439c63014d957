import { z } from "zod";
import { PowerloomError, toProblem } from "../../core/errors.ts";
import { ApiFailure, failureOf, jsonOf } from "../api-requests.ts";
import type { OperationClient } from "../delegation.ts";

const pageSize = 200;
/** 10,000 rows: more would help no reader, and a model least of all. */
const mostPages = 50;

/** All rows of a list, page after page with the same token. A list that is too long is an error, never a silent part. */
export async function allPages<Row extends z.ZodType>(
  client: OperationClient,
  path: string,
  row: Row,
  query: Record<string, string | undefined> = {},
): Promise<z.output<Row>[]> {
  const page = z.object({ data: z.array(row), next_cursor: z.string().nullable() });
  const rows: z.output<Row>[] = [];
  let cursor: string | undefined;
  for (let pages = 0; pages < mostPages; pages += 1) {
    const answer = await client.get(path, { ...query, limit: pageSize, cursor });
    if (answer.status !== 200) throw failureOf(answer);
    const { data, next_cursor } = page.parse(jsonOf(answer));
    rows.push(...data);
    if (next_cursor === null) return rows;
    cursor = next_cursor;
  }
  const problem = new PowerloomError(
    "payload_too_large",
    `The list at ${path} has more than ${pageSize * mostPages} rows. Narrow it with \`ou\`.`,
  );
  throw new ApiFailure(JSON.stringify(toProblem(problem)), undefined);
}
