import { count } from "../../../core/text/figures.ts";

/** "1 entry", "1,000 entries". */
export const counted = (entries: number) => `${count(entries)} ${entries === 1 ? "entry" : "entries"}`;
