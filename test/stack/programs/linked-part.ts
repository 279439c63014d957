import { writeFileSync } from "node:fs";
import { exitWhenParentGoes } from "../../../stack/parent.ts";

/** A part that shuts down gracefully when its parent goes, which takes it a moment. */
exitWhenParentGoes();
const alive = setInterval(() => {}, 1_000);
process.once("SIGTERM", () => {
  clearInterval(alive);
  setTimeout(() => writeFileSync(process.env["GOODBYE_FILE"] ?? "/dev/null", "goodbye"), 200);
});
