/** A fault of one field, as the API names it. */
export interface FieldFault {
  /** JSON pointer (RFC 6901) into the body. */
  pointer: string;
  detail: string;
}

/** A problem document (RFC 9457) that the API answered, or that nobody answered: `status` 0. */
export class ApiProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly body: Readonly<Record<string, unknown>>;

  constructor(status: number, body: Record<string, unknown>, cause?: unknown) {
    super(typeof body["detail"] === "string" ? body["detail"] : `The API answered ${status}.`, { cause });
    this.name = "ApiProblem";
    this.status = status;
    this.code = typeof body["code"] === "string" ? body["code"] : "unknown";
    this.body = body;
  }

  /** Nobody answered: the network, or the API itself, is away. */
  get offline(): boolean {
    return this.status === 0;
  }

  /** Faults of single fields; empty when the problem is about the whole. */
  get fields(): FieldFault[] {
    const { errors, pointer } = this.body;
    if (Array.isArray(errors)) return errors.filter(isFault);
    return typeof pointer === "string" ? [{ pointer, detail: this.message }] : [];
  }
}

/** The problem that a refusing response carries. */
export async function problemIn(response: Response): Promise<ApiProblem> {
  const body: unknown = await response.json().catch(() => ({}));
  return new ApiProblem(response.status, typeof body === "object" && body !== null ? { ...body } : {});
}

function isFault(value: unknown): value is FieldFault {
  return typeof value === "object" && value !== null && "pointer" in value && "detail" in value;
}

/** Whatever was thrown, as a problem. */
export function toProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error;
  const detail = error instanceof Error ? error.message : "Something went wrong in this page.";
  return new ApiProblem(-1, { code: "page", detail }, error);
}
