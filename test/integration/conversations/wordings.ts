import { readFileSync } from "node:fs";

export interface Wordings {
  provision: string[];
  approval: string[];
  forbidden: string[];
  inventory: string[];
  ask_or_refuse: { prompt: string; expect: string }[];
}

const read = (file: string) =>
  JSON.parse(readFileSync(new URL(`../../../evals/conversations/${file}`, import.meta.url), "utf8")) as Wordings;

const files = ["wordings-first.json", "wordings-second.json"].map(read);

/** All wordings of a request, from both files. */
export const wordings: Wordings = {
  provision: files.flatMap(({ provision }) => provision),
  approval: files.flatMap(({ approval }) => approval),
  forbidden: files.flatMap(({ forbidden }) => forbidden),
  inventory: files.flatMap(({ inventory }) => inventory),
  ask_or_refuse: files.flatMap(({ ask_or_refuse }) => ask_or_refuse),
};
