/** Rows of a page, as many as are asked for at once. */
export const pageSize = 100;

/**
 * A long list of which only the pages in view are asked for: each page is found by the cursor that the page before gave.
 * Rows once seen stay until newer ones come, so that nothing blinks while a list is asked for anew.
 */
export interface PageChain<Row> {
  /** What the list is narrowed by. */
  key: string;
  /** Where each known page starts; the first has no cursor. */
  cursors: readonly (string | undefined)[];
  pages: ReadonlyMap<number, readonly Row[]>;
  /** The last of the cursors starts the last page. */
  ended: boolean;
  /** The rows are still those of another list. */
  old: boolean;
}

/** A list of which nothing is known. What the list before had is shown until something comes. */
export function startChain<Row>(key: string, before?: PageChain<Row>): PageChain<Row> {
  const kept = before === undefined || before.pages.size === 0 ? undefined : before;
  return { key, cursors: [undefined], pages: kept?.pages ?? new Map(), ended: false, old: kept !== undefined };
}

/** The list after a page has come. A page that ends elsewhere than before moves the start of the next, and so on down. */
export function takePage<Row>(
  chain: PageChain<Row>,
  index: number,
  rows: readonly Row[],
  next: string | null,
): PageChain<Row> {
  const pages = new Map(chain.old ? [] : chain.pages);
  pages.set(index, rows);
  if (next === null) {
    for (const known of pages.keys()) if (known > index) pages.delete(known);
    return { ...chain, cursors: chain.cursors.slice(0, index + 1), pages, ended: true, old: false };
  }
  const cursors = [...chain.cursors];
  const wasLast = index === cursors.length - 1;
  cursors[index + 1] = next;
  return { ...chain, cursors, pages, ended: chain.ended && !wasLast, old: false };
}

/** How many rows there are to scroll through: those known, and one page to come when there is more. */
export function countRows<Row>({ cursors, pages, ended, old }: PageChain<Row>): number {
  const last = old ? Math.max(...pages.keys()) : cursors.length - 1;
  const length = pages.get(last)?.length;
  if (ended || old) return last * pageSize + (length ?? pageSize);
  return cursors.length === 1 && length === undefined ? 0 : last * pageSize + (length ?? pageSize);
}

/** The row at a place; undefined while it is not known. */
export function rowAt<Row>({ pages }: PageChain<Row>, index: number): Row | undefined {
  return pages.get(Math.floor(index / pageSize))?.[index % pageSize];
}

/** All rows that are known, in order, each once. */
export function knownRows<Row extends { id: string }>({ pages }: PageChain<Row>): Row[] {
  const ordered = [...pages].sort(([a], [b]) => a - b).flatMap(([, rows]) => rows);
  return [...new Map(ordered.map((row) => [row.id, row])).values()];
}
