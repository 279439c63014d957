import { Button, Stack } from "@mantine/core";
import { useLayoutEffect, useRef, useState } from "react";
import type { Entry } from "./entries.ts";
import { EntryView } from "./entry.tsx";

/** So many pieces are on the page at first; more are brought on request, so that long conversations stay light. */
const chunk = 150;
/** Nearer to the end than this, in pixels, the reader is at the end. */
const nearEnd = 120;

/** A conversation. It follows what comes only while its reader is at the end. */
export function Log({ entries, ...names }: { entries: readonly Entry[]; person: string; agent: string }) {
  const atEnd = useRef(true);
  // Position of the first piece that is shown; null: the last of them, however many come.
  const [from, setFrom] = useState<number | null>(null);
  const first =
    from === null
      ? Math.max(0, entries.length - chunk)
      : Math.max(
          0,
          entries.findIndex(({ position }) => position >= from),
        );
  const [behind, setBehind] = useState(false);

  useLayoutEffect(() => {
    const look = () => {
      const { scrollHeight, clientHeight, scrollTop } = document.documentElement;
      atEnd.current = scrollHeight - clientHeight - scrollTop < nearEnd;
      if (atEnd.current) setBehind(false);
      // While something is read above, nothing vanishes there.
      setFrom((before) => (atEnd.current ? before : (before ?? entries[first]?.position ?? null)));
    };
    window.addEventListener("scroll", look, { passive: true });
    return () => window.removeEventListener("scroll", look);
  }, [entries, first]);

  useLayoutEffect(() => {
    if (entries.length === 0) return;
    if (atEnd.current) window.scrollTo({ top: document.documentElement.scrollHeight });
    else setBehind(true);
  }, [entries]);

  const toEnd = () => {
    atEnd.current = true;
    setFrom(null);
    setBehind(false);
    requestAnimationFrame(() => window.scrollTo({ top: document.documentElement.scrollHeight }));
  };
  return (
    <>
      {first > 0 ? (
        <Button variant="default" onClick={() => setFrom(entries[Math.max(0, first - chunk)]?.position ?? 0)}>
          Show earlier ({first} more)
        </Button>
      ) : null}
      <Stack gap="sm" role="log" aria-label="Conversation">
        {entries.slice(first).map((entry) => (
          <EntryView key={entry.position} entry={entry} {...names} />
        ))}
      </Stack>
      {behind ? (
        <Button
          size="xs"
          variant="filled"
          onClick={toEnd}
          style={{ position: "sticky", bottom: "9rem", alignSelf: "center", zIndex: 2 }}
        >
          There is more below
        </Button>
      ) : null}
    </>
  );
}
