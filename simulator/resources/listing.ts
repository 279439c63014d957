import type { Request } from "express";
import { type Bound, type PageRequest, readingOrder, readPage, takePage } from "../http/pages.ts";
import type { Collection, Stored } from "../store/objects.ts";

interface Listing<T> {
  parent?: string;
  created?: Partial<Record<Bound, string>>;
  keep?: (object: T) => boolean;
}

/** One page of a collection, newest first unless the request says otherwise. */
export function listPage<T extends Stored>(req: Request, from: Collection<T>, listing: Listing<T> = {}) {
  const request = readPage(req, { limit: 20, max: 1000, order: "desc" });
  return takePage(matching(from, listing, request), request);
}

/** The usual page, without a way back. */
export function forwardPage<T extends Stored>(req: Request, from: Collection<T>, listing: Listing<T> = {}) {
  const { data, next_page } = listPage(req, from, listing);
  return { data, next_page };
}

function* matching<T extends Stored>(from: Collection<T>, listing: Listing<T>, request: PageRequest) {
  const rows = from.scan({
    order: readingOrder(request),
    ...(listing.parent === undefined ? {} : { parent: listing.parent }),
    ...(listing.created === undefined ? {} : { created: listing.created }),
    ...(request.after === undefined ? {} : { after: request.after }),
  });
  for (const row of rows) if (listing.keep?.(row.object) ?? true) yield row;
}
