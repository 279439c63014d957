import type { Dice } from "../../demo/run/dice.ts";
import { type FaultName, partsOf } from "../options.ts";
import { type Part, partNames, type Stage } from "../stage.ts";
import { jumpClock, type WrongClock } from "./clock.ts";
import { slowDatabase } from "./database.ts";
import { fillDisk, type SmallDisk } from "./disk.ts";
import { freezeParts } from "./freezes.ts";
import { killParts } from "./kills.ts";
import { editAtProvider, failProvider } from "./provider.ts";
import { repeatSignals } from "./signals.ts";

export interface Faults {
  stage: Stage;
  names: readonly FaultName[];
  dice: () => Dice;
  everyMs: readonly [number, number];
  /** After so many kills nothing is broken any more. */
  mostKills: number;
  /** Clocks that may be set wrong. */
  clocks: Readonly<Partial<Record<"clock" | "PostgreSQL's clock", WrongClock>>>;
  disk: SmallDisk | undefined;
  onKill: (part: Part) => void;
  onFault: (name: string) => void;
  /** PostgreSQL's clock is wrong by so many milliseconds from now on. */
  onPostgresClock: (ms: number) => void;
}

/** Breaks things until the signal, or until enough was killed. */
export async function breakThings(faults: Faults, signal: AbortSignal): Promise<void> {
  const { stage, names, dice, everyMs, mostKills, onKill, onFault } = faults;
  const { simulatorUrl } = stage.stack;
  const enough = new AbortController();
  const until = AbortSignal.any([signal, enough.signal]);
  const wants = (name: FaultName) => names.includes(name);
  const options = () => ({ dice: dice(), onFault });
  const parts = partsOf(names);
  const kills =
    parts.length === 0
      ? undefined
      : killParts({ stage, dice: dice(), parts, everyMs, most: mostKills, onKill }, until).then(() => enough.abort());
  await Promise.all([
    kills,
    wants("provider") ? failProvider(simulatorUrl, options(), until) : undefined,
    wants("drift") ? editAtProvider(simulatorUrl, options(), until) : undefined,
    wants("database") ? slowDatabase(stage.database, options(), until) : undefined,
    wants("freeze") ? freezeParts(stage, partNames, options(), until) : undefined,
    wants("signals") ? repeatSignals(stage, options(), until) : undefined,
    ...Object.entries(faults.clocks).map(([name, clock]) => {
      const onSet = name === "clock" ? () => undefined : faults.onPostgresClock;
      return jumpClock(name, clock, options(), onSet, until);
    }),
    faults.disk === undefined ? undefined : fillDisk(faults.disk, options(), until),
  ]);
}
