import { Anchor, Text } from "@mantine/core";
import { useQueries } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ShortId } from "../../parts/short-id.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import classes from "./chain.module.css";

type Entry = Shown["AuditEntryDetail"] | undefined;

/** The entries around the place where the chain breaks, each with its hash and the one it refers to. */
export function Chain({ broken }: { broken: number }) {
  const positions = [-2, -1, 0, 1].map((offset) => broken + offset).filter((position) => position > 0);
  const entries = useQueries({
    queries: positions.map((position) =>
      $api.queryOptions(
        "get",
        "/audit/{position}",
        { params: { path: { position: String(position) } } },
        { retry: false },
      ),
    ),
  });
  if (entries.some(({ isPending }) => isPending)) return null;
  return (
    <ol className={classes["chain"]} aria-label={`The entries around ${broken}`}>
      {positions.map((position, index) => {
        const [entry, before] = [entries[index]?.data, entries[index - 1]?.data];
        return (
          <li key={position} data-broken={position === broken}>
            {index === 0 ? null : <Joint before={before} entry={entry} />}
            <Box position={position} entry={entry} broken={position === broken} />
          </li>
        );
      })}
    </ol>
  );
}

/** Between two entries: whether the later one refers to the hash of the earlier. */
function Joint({ before, entry }: { before: Entry; entry: Entry }) {
  const fits = before !== undefined && entry !== undefined && entry.previous === before.hash;
  return (
    <div className={classes["joint"]} data-torn={!fits}>
      <span aria-hidden="true">{fits ? "↓" : "✕"}</span>
      <span>{fits ? "fits" : "does not fit"}</span>
    </div>
  );
}

function Box({ position, entry, broken }: { position: number; entry: Entry; broken: boolean }) {
  return (
    <div className={classes["box"]} data-broken={broken}>
      <Text size="sm" fw={600}>
        {entry === undefined ? (
          `Entry ${position} is missing`
        ) : (
          <Anchor component={Link} to={`/audit/${position}`} inherit>
            Entry {position}
          </Anchor>
        )}
      </Text>
      {entry === undefined ? null : (
        <>
          {broken ? (
            <Text size="xs" className={classes["mark"] ?? ""}>
              ✕ broken here
            </Text>
          ) : null}
          <Text size="xs" style={{ overflowWrap: "anywhere" }}>
            {entry.operation}, {entry.outcome.replaceAll("_", " ")}
          </Text>
          <Text size="xs">
            refers to <ShortId id={entry.previous} />
          </Text>
          <Text size="xs">
            hash <ShortId id={entry.hash} />
          </Text>
        </>
      )}
    </div>
  );
}
