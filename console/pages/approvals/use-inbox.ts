import { useEffect, useMemo, useRef, useState } from "react";
import type { RowActions } from "./approval-row.tsx";
import { countRows, knownRows, type PageChain, rowAt } from "./page-chain.ts";
import type { Approval } from "./use-approval-list.ts";

/** Where the keyboard is in the list, and what is selected for deciding several at once. */
export interface Inbox {
  focused: { id: string; index: number } | undefined;
  ticked: ReadonlyMap<string, Approval>;
  actions: RowActions;
  /** Whether there are rows that can be selected. */
  tickable: boolean;
  next: () => void;
  before: () => void;
  tickFocused: () => void;
  tickAll: () => void;
  tickNone: () => void;
  untick: (ids: readonly string[]) => void;
}

interface State extends Pick<Inbox, "focused" | "ticked"> {
  /** The list it is about. */
  key: string;
  lastTicked: number | undefined;
}

const nothing = { focused: undefined, ticked: new Map(), lastTicked: undefined } as const;

/** See {@link Inbox}. */
export function useInbox({
  chain,
  shownId,
  show,
  wide,
}: {
  chain: PageChain<Approval>;
  shownId: string | undefined;
  show: (id: string) => void;
  /** There is room to show a request beside the list. */
  wide: boolean;
}): Inbox {
  const [stored, setState] = useState<State>({ ...nothing, key: chain.key });
  // Another list: what was selected in the one before is no longer in view.
  const state = stored.key === chain.key ? stored : { ...nothing, key: chain.key };
  const { focused, ticked } = state;
  const set = (change: Partial<State>) => setState({ ...state, ...change });

  // Looked up when a key asks for it: the list may be long, and it changes while it is scrolled.
  const place = () => {
    const id = focused?.id ?? shownId;
    return id === undefined ? -1 : knownRows(chain).findIndex((row) => row.id === id);
  };
  const move = (by: 1 | -1) => {
    const count = countRows(chain);
    const at = place();
    // What was here has left the list: the next has taken its place.
    const to = at >= 0 ? at + by : focused === undefined ? 0 : focused.index + Math.min(by, 0);
    const index = Math.max(0, Math.min(to, count - 1));
    const row = rowAt(chain, index);
    if (row === undefined) return;
    set({ focused: { id: row.id, index } });
    if (wide) show(row.id);
  };
  const tick = (index: number, range: boolean) => {
    const row = rowAt(chain, index);
    if (row?.can_vote !== true) return;
    const from = range ? (state.lastTicked ?? index) : index;
    const on = range || !ticked.has(row.id);
    const after = new Map(ticked);
    for (let at = Math.min(from, index); at <= Math.max(from, index); at += 1) {
      const each = rowAt(chain, at);
      if (each?.can_vote !== true) continue;
      if (on) after.set(each.id, each);
      else after.delete(each.id);
    }
    set({ ticked: after, lastTicked: index });
  };
  const open = (index: number) => {
    const row = rowAt(chain, index);
    if (row === undefined) return;
    set({ focused: { id: row.id, index } });
    // Already beside the list: the keyboard goes there.
    if (wide && row.id === shownId) document.getElementById("chosen-request")?.focus();
    else show(row.id);
  };
  const latest = useRef({ open, tick });
  useEffect(() => {
    latest.current = { open, tick };
  });
  const actions = useMemo<RowActions>(
    () => ({
      open: (index) => latest.current.open(index),
      tick: (index, range) => latest.current.tick(index, range),
    }),
    [],
  );
  return {
    focused,
    ticked,
    actions,
    tickable: chain.pages.get(0)?.some(({ can_vote: can }) => can) === true,
    next: () => move(1),
    before: () => move(-1),
    tickFocused: () => {
      const at = place();
      if (at >= 0) tick(at, false);
    },
    tickAll: () => {
      const all = knownRows(chain).filter(({ can_vote: can }) => can);
      set({ ticked: new Map(all.map((row) => [row.id, row])) });
    },
    tickNone: () => set({ ticked: new Map() }),
    untick: (ids) => set({ ticked: new Map([...ticked].filter(([id]) => !ids.includes(id))) }),
  };
}
