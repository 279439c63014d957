// Loaded before a process of ours (`--import`): its Date is wrong by what a file says, looked at ten times a second.
import { readFileSync } from "node:fs";

const file = process.env["POWERLOOM_CHAOS_CLOCK"] ?? "";
const RightDate = Date;
let wrongBy = 0;

const look = () => {
  try {
    wrongBy = Number(readFileSync(file, "utf8")) || 0;
  } catch {
    // No file: the clock is right.
    wrongBy = 0;
  }
};
look();
setInterval(look, 100).unref();

globalThis.Date = class Date extends RightDate {
  constructor(...values) {
    if (values.length === 0) super(RightDate.now() + wrongBy);
    else super(...values);
  }
  // What Node makes by itself is of the class it knows.
  static [Symbol.hasInstance](value) {
    return RightDate.prototype.isPrototypeOf(value);
  }
  static now() {
    return RightDate.now() + wrongBy;
  }
};
