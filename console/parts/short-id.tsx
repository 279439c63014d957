/** Ids of ours are time-ordered: they differ at their end. */
const shownDigits = 8;

/** An id or a digest that nobody needs to read: its end, in full on hover. */
export function ShortId({ id }: { id: string }) {
  return (
    <span title={id} style={{ fontFamily: "var(--mantine-font-family-monospace)", fontSize: "0.92em" }}>
      {id.length > shownDigits + 4 ? `…${id.slice(-shownDigits)}` : id}
    </span>
  );
}
