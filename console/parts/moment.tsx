import { useNow } from "./clock.ts";
import { exact, inWords } from "./in-words.ts";

/** A time in the reader's zone: in words, exact on hover and for screen readers. */
export function Moment({ at, absolute = false }: { at: string | null | undefined; absolute?: boolean }) {
  const now = useNow();
  if (at === null || at === undefined) return <>–</>;
  const date = new Date(at);
  const full = exact.format(date);
  const words = absolute ? full : inWords(date, new Date(now));
  return (
    <time dateTime={at} title={`${full} (${at})`} style={{ whiteSpace: "nowrap" }}>
      {words}
    </time>
  );
}
