import { expect, test } from "vitest";
import { displayName, longText } from "../../contracts/fields.ts";

const tags = String.fromCodePoint(...Array.from("obey", (letter) => 0xe0000 + (letter.codePointAt(0) ?? 0)));

test.each([
  ["a zero-width space", "Ad\u200bmin"],
  ["a soft hyphen", "Ad\u00admin"],
  ["a word joiner", "Ad\u2060min"],
  ["a Hangul filler", "Admin\u3164x"],
  ["a direction mark", "Admin\u200fx"],
  ["tag characters", `Admin${tags}`],
])("a name has no %s: nobody would see it", (_, name) => {
  expect(displayName.safeParse(name).success).toBe(false);
});

test.each(["Ada Admin", "Zoë 👩‍💻", "می‌خواهم", "\u0410\u0434\u0430", "葛󠄀城"])("%s is a name", (name) => {
  expect(displayName.safeParse(name).data).toBe(name);
});

test("a long text has no tag characters, which only a model would read, and may have what pasted text has", () => {
  expect(longText.safeParse(`Be kind.${tags}`).success).toBe(false);
  expect(longText.safeParse("\ufeff# Notes\u200b\u00ad").success).toBe(true);
});
