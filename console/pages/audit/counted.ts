const count = new Intl.NumberFormat("en");

/** "1 entry", "1,000 entries". */
export const counted = (entries: number) => `${count.format(entries)} ${entries === 1 ? "entry" : "entries"}`;
