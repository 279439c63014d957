import type { Request } from "express";
import { invalid } from "./errors.ts";

export type Order = "asc" | "desc";
export type Bound = "gt" | "gte" | "lt" | "lte";

interface Cursor {
  order: Order;
  after: number;
  /** Set on cursors that lead back: the page is read in the opposite direction, then turned round. */
  back?: boolean;
}

export interface PageRequest {
  limit: number;
  order: Order;
  after?: number;
  back: boolean;
}

/** Reads `limit`, `order` and `page`. Cursors are bound to the order they were made with. */
export function readPage(req: Request, defaults: { limit: number; max: number; order: Order }): PageRequest {
  const limit = Number(one(req, "limit") ?? defaults.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > defaults.max) {
    throw invalid(`limit: must be an integer between 1 and ${defaults.max}`);
  }
  const order = one(req, "order") ?? defaults.order;
  if (order !== "asc" && order !== "desc") throw invalid("order: must be asc or desc");
  const page = one(req, "page");
  if (page === undefined) return { limit, order, back: false };
  const cursor = decode(page);
  if (cursor.order !== order) throw invalid("page: the cursor was made with another order");
  return { limit, order, after: cursor.after, back: cursor.back === true };
}

export interface Page<T> {
  data: T[];
  next_page: string | null;
  prev_page: string | null;
}

/** Takes one page from rows that come in the requested order, beyond the cursor. */
export function takePage<T>(rows: Iterable<{ seq: number; object: T }>, request: PageRequest): Page<T> {
  const taken: { seq: number; object: T }[] = [];
  let more = false;
  for (const row of rows) {
    if (taken.length === request.limit) {
      more = true;
      break;
    }
    taken.push(row);
  }
  if (request.back) taken.reverse();
  const first = taken[0];
  const last = taken.at(-1);
  const forward = request.back ? true : more;
  const backward = request.back ? more : request.after !== undefined;
  return {
    data: taken.map((row) => row.object),
    next_page: forward && last !== undefined ? encode({ order: request.order, after: last.seq }) : null,
    prev_page: backward && first !== undefined ? encode({ order: request.order, after: first.seq, back: true }) : null,
  };
}

/** The direction in which rows must be read for this page. */
export function readingOrder(request: PageRequest): Order {
  if (!request.back) return request.order;
  return request.order === "asc" ? "desc" : "asc";
}

/** One query value; arrays and repeats are refused. */
export function one(req: Request, name: string): string | undefined {
  const value = req.query[name];
  if (value === undefined || typeof value === "string") return value;
  throw invalid(`${name}: must be given once`);
}

/** The values of `name[]=`, with or without the brackets. */
export function many(req: Request, name: string): string[] | undefined {
  const value = req.query[`${name}[]`] ?? req.query[name];
  if (value === undefined) return undefined;
  return (Array.isArray(value) ? value : [value]).map(String);
}

/** `created_at[gte]=` and its kin. */
export function createdRange(req: Request): Partial<Record<Bound, string>> {
  const range: Partial<Record<Bound, string>> = {};
  for (const bound of ["gt", "gte", "lt", "lte"] as const) {
    const value = one(req, `created_at[${bound}]`);
    if (value === undefined) continue;
    const at = new Date(value);
    if (Number.isNaN(at.getTime())) throw invalid(`created_at[${bound}]: must be an RFC 3339 timestamp`);
    range[bound] = at.toISOString();
  }
  return range;
}

export function flag(req: Request, name: string): boolean {
  return one(req, name) === "true";
}

function encode(cursor: Cursor): string {
  return Buffer.from(JSON.stringify(cursor)).toString("base64url");
}

function decode(page: string): Cursor {
  try {
    const cursor = JSON.parse(Buffer.from(page, "base64url").toString()) as Partial<Cursor>;
    if (typeof cursor.after === "number" && (cursor.order === "asc" || cursor.order === "desc")) {
      return { order: cursor.order, after: cursor.after, back: cursor.back === true };
    }
  } catch {
    // falls through: a cursor is opaque, so every fault in it reads the same
  }
  throw invalid("page: invalid cursor");
}
