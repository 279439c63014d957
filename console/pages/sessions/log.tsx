import { Button, Stack } from "@mantine/core";
import { useLayoutEffect, useRef, useState } from "react";
import type { MessageBeingSaid } from "../../../core/being-said.ts";
import type { Entry } from "./entries.ts";
import { BeingSaidView, EntryView } from "./entry.tsx";

/** So many pieces are on the page at first; more are brought on request, so that long conversations stay light. */
const chunk = 150;
/** Nearer to the end than this, in pixels, the reader is at the end. */
const nearEnd = 80;

const page = () => document.documentElement;
const isAtEnd = () => page().scrollHeight - page().clientHeight - page().scrollTop < nearEnd;
const goToEnd = () => window.scrollTo({ top: page().scrollHeight, behavior: "instant" });

/** A conversation. It follows what comes only while its reader is at the end. */
export function Log({
  entries,
  beingSaid,
  ...names
}: {
  entries: readonly Entry[];
  beingSaid: readonly MessageBeingSaid[];
  person: string;
  agent: string;
}) {
  const log = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const [behind, setBehind] = useState(false);
  // Position of the first piece that is shown; null: the last of them, however many come.
  const [from, setFrom] = useState<number | null>(null);
  const newest = Math.max(0, entries.length - chunk);
  const first =
    from === null
      ? newest
      : Math.max(
          0,
          entries.findIndex(({ position }) => position >= from),
        );
  const top = entries[first]?.position ?? null;

  useLayoutEffect(() => {
    const look = () => {
      atEnd.current = isAtEnd();
      if (atEnd.current) setBehind(false);
      // While something is read above, nothing vanishes there.
      else setFrom((before) => before ?? top);
    };
    window.addEventListener("scroll", look, { passive: true });
    return () => window.removeEventListener("scroll", look);
  }, [top]);

  useLayoutEffect(() => {
    // Pieces come, and those that are there grow: answers to calls, what is asked of the API for them.
    const observer = new ResizeObserver(() => {
      if (atEnd.current) goToEnd();
      else if (!isAtEnd()) setBehind(true);
    });
    if (log.current !== null) observer.observe(log.current);
    return () => observer.disconnect();
  }, []);

  return (
    <>
      {first > 0 ? (
        <Button variant="default" onClick={() => setFrom(entries[Math.max(0, first - chunk)]?.position ?? 0)}>
          Show earlier ({first} more)
        </Button>
      ) : null}
      <Stack gap="sm" role="log" aria-label="Conversation" ref={log}>
        {entries.slice(first).map((entry) => (
          <EntryView key={entry.position} entry={entry} {...names} />
        ))}
        {beingSaid.map((message) => (
          <BeingSaidView key={message.eventId} message={message} agent={names.agent} />
        ))}
      </Stack>
      {behind ? (
        <Button
          size="xs"
          onClick={() => {
            setFrom(null);
            setBehind(false);
            goToEnd();
          }}
          style={{ position: "sticky", bottom: "8rem", alignSelf: "center", zIndex: 2 }}
        >
          To the end
        </Button>
      ) : null}
    </>
  );
}
